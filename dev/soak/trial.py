"""A trial: one node, its camera, who listens to it, and what is kept of it."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from dev.soak.acts import Stage
from dev.soak.camera import Camera
from dev.soak.subject import Subject
from dev.soak.watch import Sample, Watch, judge_growth, judge_journal
from restore_node.common.errors import EncodingError
from restore_node.messages import cdr

if TYPE_CHECKING:
    from dev.soak.run import Soak

MODEL = 'restore-lite'
#: As users have them, but for a backend that can be made to hang, and a gate that lets everything through.
PARAMETERS = {'backend': 'onnxruntime', 'threads': 1, 'hang_timeout': 3.0, 'retry': 1.0}
DEFAULTS = {
    'max_age': 0.5,
    'deadline': 0.0,
    'gate_threshold': 0.0,
    'output_encoding': '',
    'compressed.format': 'jpeg',
    'on_failure': 'passthrough',
    'model': MODEL,
}
LISTENING = QoSProfile(depth=10)
QUIET_S = 2.0


class Trial:
    """One node, its camera, and what is kept of it.

    Args:
        run: that it is part of.
        name: of the node; the topics are below it.
        suffix: of the camera's topic: `/compressed`, or nothing.
    """

    def __init__(self, run: Soak, name: str, suffix: str) -> None:
        self._run, self.name = run, name
        self._journal = run.folder / f'{name}.journal.jsonl'
        arguments = ['-r', f'__node:={name}']
        for topic in ('image_raw', 'image_restored', 'camera_info'):
            arguments += ['-r', f'{topic}:=/{name}/{topic}']
        transport = {'image_transport': 'compressed' if suffix else 'raw', 'journal': str(self._journal)}
        for key, value in {**DEFAULTS, **PARAMETERS, **transport}.items():
            arguments += ['-p', f'{key}:={json.dumps(value)}']
        self.watch = Watch()
        self.subject = Subject(run.node, run.spin, name, arguments, run.folder)
        self.camera = Camera(run.node, f'/{name}/image_raw{suffix}', run.rate_hz, run.seed)
        self.acts: Counter[str] = Counter()
        self.samples: list[Sample] = []
        self.quiet: list[Sample] = []
        self.values: dict[str, str] = {}
        self._last_heard = 0
        self._listener: Any = None
        self.stage = Stage(
            self.subject,
            self.camera,
            self.watch,
            run.node,
            run.stranger,
            run.rest,
            np.random.default_rng(run.seed),
            run.models,
            DEFAULTS,
        )
        self.listen()

    def listen(self) -> None:
        """Subscribe the restored images, to stay."""
        topic = f'/{self.name}/image_restored'
        self._listener = self._run.node.create_subscription(Image, topic, self._hear, LISTENING, raw=True)
        self.watch.is_listening = True

    def leave_alone(self) -> None:
        """Nobody listens, for a while."""
        self.watch.is_listening = False
        self._run.node.destroy_subscription(self._listener)
        self.stage.a_while()
        self.listen()

    def _hear(self, message: bytes) -> None:
        self.watch.heard_anything()
        with suppress(EncodingError):  # what is left of a damaged message may be forwarded
            image = cdr.read_image(message)
            ours = self.camera.remembered(image.header.frame_id)
            if ours is None:
                return
            life, number, sent = ours
            got = (image.header.sec, image.header.nanosec), (image.height, image.width)
            self.watch.heard('raw', life, number, tuple(sent), got)
            self._last_heard = number

    def settle(self) -> None:
        """Configure it anew, leave it alone until it restores, and note what it holds then."""
        self.camera.mood = self.camera.calm
        for number in (4, 2, 1, 3):
            self.watch.expect(self.subject.change_state(number), 'lifecycle', f'{number} was refused')
        before = int(self.values.get('restored', 0))
        self.subject.until(lambda: int(self.values.get('restored', 0)) > before, f'{self.name} to restore')
        self._run.rest(QUIET_S)
        self.quiet.append(self.subject.sample())

    def finish(self) -> None:
        """One last frame is restored; then SIGTERM comes while the next is in the backend."""
        self.camera.close()
        self.watch.expect(self.subject.state() == 'active', 'lifecycle', 'it is not active at the end')
        self.watch.expect(self.subject.set_parameter('max_age', 0.0), 'parameter', 'max_age = 0.0')

        def is_restored() -> bool:
            before = int(self.values['restored'])
            number = self.camera.send(self.camera.calm)
            self.subject.until(lambda: self._last_heard == number, f'{self.name} to send the last frame')
            self.subject.until(lambda: self.values['in_flight'] == '0', 'no frame under way')
            self._run.rest(QUIET_S)
            return int(self.values['restored']) > before

        self.subject.until(is_restored, f'{self.name} to restore at the end')
        self.subject.hang.touch()
        self.camera.send(self.camera.calm)
        self.subject.until(lambda: self.values['in_flight'] == '1', 'a frame in the backend')

    def end(self) -> None:
        """End the node, whatever became of it, and judge what it leaves."""
        self.camera.close()
        code = self.subject.end()
        self.watch.expect(code == 0, 'exit', f'exit code {code} after SIGTERM')
        log = self.subject.log.read_text(encoding='utf-8', errors='replace')
        self.watch.expect('Traceback' not in log, 'traceback', f'see {self.subject.log}')

    def figures(self) -> dict[str, Any]:
        """All that is reported of this node."""
        frames = judge_journal(self._journal.read_text(encoding='utf-8').splitlines(), self.watch)
        growth = judge_growth(self.samples, self.quiet, self.watch) if self.quiet else {}
        return {
            'acts': dict(sorted(self.acts.items())),
            'sent': self.camera.sent,
            'out': self.watch.out,
            'lost_in_transport': self.values.get('lost in transport', ''),
            'frames': frames,
            'growth': growth,
            'faults': {
                kind: {'count': count, 'first': line} for kind, (count, line) in self.watch.faults.items()
            },
        }
