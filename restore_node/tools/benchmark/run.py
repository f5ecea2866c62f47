"""The run itself: every way of running the model restores the same frame in turn, in one process.

Taking turns frame by frame lets whatever else the machine does, and its clock, hit all of them alike. A frame
goes the node's way without ROS: serialised message, decode, convert, restore, gate, encode, message.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from restore_node.backends.base import Backend, Candidate
from restore_node.backends.fallback import FallbackOptions, fallback_chain
from restore_node.common.errors import RestoreError
from restore_node.messages import cdr, codec
from restore_node.messages.frame import Header
from restore_node.runtime.restore import restore_frame

#: The floor: everything but the model.
FLOOR = 'passthrough cpu'
CHANNELS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}
Size = tuple[int, int]


@dataclass
class Case:
    """One way of running the model, at one size.

    Attributes:
        candidate: as the fallback chain names it.
        size: (width, height).
        device: what really runs it; empty if nothing does.
        stages: milliseconds of every counted frame, by stage, `total` among them.
        fault: why it does not run here; empty if it does.
        memory: of the message out, used again for each frame, as the node does.
    """

    candidate: str
    size: Size
    device: str = ''
    stages: dict[str, list[float]] = field(default_factory=dict)
    fault: str = ''
    memory: bytearray | None = None

    def add(self, stages_ms: dict[str, float]) -> None:
        """Take the stages of one frame."""
        for name, value in stages_ms.items():
            self.stages.setdefault(name, []).append(value)


def candidates(threads: int) -> list[Candidate]:
    """All ways of running a model, best first, the floor last."""
    floor = FallbackOptions(backend='passthrough', device='cpu')
    return [*fallback_chain(FallbackOptions(threads=threads)), *fallback_chain(floor)]


def image_message(size: Size, encoding: str) -> bytes:
    """Return a serialised `sensor_msgs/Image` of noise; what it shows does not change what it costs."""
    width, height = size
    message, data = cdr.new_image(Header(0, 0, 'camera'), height, width, encoding, width * CHANNELS[encoding])
    data[:] = np.random.default_rng(0).integers(0, 256, data.shape, np.uint8)
    return bytes(message)


def run_cases(
    model: str,
    sizes: Sequence[Size],
    *,
    frames: int,
    warm_up: int,
    threads: int = 0,
    encoding: str = 'bgr8',
    on_round: Callable[[], None] = lambda: None,
) -> list[Case]:
    """Restore `warm_up` and then `frames` frames of every size in every way that works here.

    Args:
        model: name or path.
        sizes: (width, height) of the cameras.
        frames: counted, of each size and way.
        warm_up: not counted.
        threads: CPU threads of ONNX Runtime, 0 for one per core.
        encoding: of the messages, one of `CHANNELS`.
        on_round: called after each round, `warm_up + frames` for each size.

    Returns:
        A case for each size and way, those that do not work here with their fault.
    """
    cases: list[Case] = []
    for size in sizes:
        message = image_message(size, encoding)
        by_name = {candidate.name: Case(candidate.name, size) for candidate in candidates(threads)}
        opened = _open(model, threads, by_name)
        try:
            for index in range(warm_up + frames):
                for name, backend in opened.items():
                    _take_turn(by_name[name], backend, message, counted=index >= warm_up)
                on_round()
        finally:
            for backend in opened.values():
                backend.close()
        cases += by_name.values()
    return cases


def _open(model: str, threads: int, cases: dict[str, Case]) -> dict[str, Backend]:
    opened = {}
    for candidate in candidates(threads):
        try:
            opened[candidate.name] = candidate.open(model)
            cases[candidate.name].device = opened[candidate.name].device
        except RestoreError as error:
            cases[candidate.name].fault = str(error)
    return opened


def _take_turn(case: Case, backend: Backend, message: bytes, counted: bool) -> None:
    if case.fault:
        return
    try:
        stages = _restore(backend, message, case)
    except RestoreError as error:
        case.fault = str(error)
        return
    if counted:
        case.add(stages)


def _restore(backend: Backend, message: bytes, case: Case) -> dict[str, float]:
    """One frame from message to message; milliseconds by stage."""
    start = time.perf_counter_ns()
    frame = codec.decode(message)
    decoded = time.perf_counter_ns()
    restored = restore_frame(backend, frame)
    processed = time.perf_counter_ns()
    case.memory = codec.encode(restored.rgb, frame, into=case.memory)
    encoded = time.perf_counter_ns()
    bytes(case.memory)  # what rclpy's publish takes
    end = time.perf_counter_ns()
    return {
        'decode': (decoded - start) / 1e6,
        **restored.stages_ms,
        'encode': (encoded - processed) / 1e6,
        'hand over': (end - encoded) / 1e6,
        'total': (end - start) / 1e6,
    }
