"""The node under test: a process of its own, started as users start it, and what it is asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

from dev.soak.asking import ask
from dev.soak.watch import Sample

#: Seconds that only a hang exceeds.
PATIENCE_S = 120.0
#: Its sitecustomize makes ONNX Runtime hang while a file exists.
HANG_SITE = Path(__file__).resolve().parents[2] / 'test' / 'ros' / 'site'
PAGE_MIB = os.sysconf('SC_PAGE_SIZE') / 2**20


class BrokenError(Exception):
    """The node under test does not go on."""


class Subject:
    """A running node.

    Args:
        node: of rclpy; asks for services.
        spin: handles what comes, for some tens of milliseconds.
        name: of the node under test.
        arguments: of its command line, behind `--ros-args`.
        folder: gets its log, and the file that makes its backend hang.
    """

    def __init__(
        self, node: Any, spin: Callable[[], None], name: str, arguments: list[str], folder: Path
    ) -> None:
        self._node, self._spin, self.name = node, spin, name
        self.hang, self.log = folder / f'{name}.hang', folder / f'{name}.log'
        self.hang.unlink(missing_ok=True)
        self._clients: dict[str, Any] = {}
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, '-X', 'faulthandler', '-m', 'restore_node.ros.node', '--ros-args', *arguments],
            env=os.environ
            | {
                'RESTORE_NODE_TEST_HANG': str(self.hang),
                'PYTHONPATH': f'{HANG_SITE}{os.pathsep}{os.environ["PYTHONPATH"]}',
            },
            stdin=subprocess.DEVNULL,
            stdout=self.log.open('wb'),
            stderr=subprocess.STDOUT,
        )

    def until(self, is_so: Callable[[], object], what: str) -> None:
        """Spin until something is so.

        Raises:
            BrokenError: it takes longer than `PATIENCE_S` seconds, or the node has ended.
        """
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            if self._process.poll() is not None:
                raise BrokenError(f'{self.name} ended with code {self._process.poll()}; see {self.log}')
            if time.monotonic() > end:
                raise BrokenError(f'waited {PATIENCE_S:g} s in vain for {what}')
            self._spin()

    def call(self, kind: type, service: str, request: Any) -> Any:
        """The answer of a service of the node."""
        name = f'/{self.name}/{service}'
        client = self._clients.get(name) or self._node.create_client(kind, name)
        self._clients[name] = client
        return ask(client, request, self.until)

    def state(self) -> str:
        """Label of the lifecycle state."""
        return self.call(GetState, 'get_state', GetState.Request()).current_state.label

    def change_state(self, number: int) -> bool:
        """Ask for a transition by its id; whether it succeeded."""
        request = ChangeState.Request(transition=Transition(id=number))
        return self.call(ChangeState, 'change_state', request).success

    def set_parameter(self, name: str, value: object) -> bool:
        """Set a parameter; whether that was accepted."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        return self.call(SetParameters, 'set_parameters', request).results[0].successful

    def sample(self) -> Sample:
        """What the process holds now.

        Raises:
            BrokenError: it has ended.
        """
        proc = Path(f'/proc/{self._process.pid}')
        if self._process.poll() is not None:
            raise BrokenError(f'{self.name} ended with code {self._process.poll()}; see {self.log}')
        pages = int((proc / 'statm').read_text().split()[1])
        threads, files = (len(list((proc / folder).iterdir())) for folder in ('task', 'fd'))
        return Sample(time.monotonic() - self._started, pages * PAGE_MIB, threads, files)

    def end(self) -> int | None:
        """Exit code after SIGTERM; None where it had to be killed."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None
