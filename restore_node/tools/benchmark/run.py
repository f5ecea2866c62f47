"""The run itself: every way of running the model restores the same frame in turn, in one process.

Taking turns frame by frame lets whatever else the machine does, and its clock, hit all of them alike. A frame
goes the node's way without ROS: serialised message, decode, convert, restore, gate, encode, message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from restore_node.backends.base import Backend
from restore_node.backends.choice import EXACT, Way, ways_of
from restore_node.backends.registry import create_backend
from restore_node.common.errors import RestoreError
from restore_node.common.metrics import capped_psnr
from restore_node.common.reference_images import make_reference_images
from restore_node.common.timing import StageTimer, percentiles
from restore_node.messages import cdr, codec
from restore_node.messages.frame import Header
from restore_node.model import Model, load_model
from restore_node.runtime.restore import restore_frame

#: The floor: everything but the model.
FLOOR = 'passthrough cpu'
#: What the others' results are compared with.
REFERENCE = str(EXACT)
#: The stage that the others make up.
TOTAL = 'total'
CHANNELS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}
Size = tuple[int, int]


@dataclass
class Case:
    """One way of running the model, at one size.

    Attributes:
        candidate: backend, device and precision.
        size: (width, height).
        device: what really runs it; empty if nothing does.
        stages: milliseconds of every counted frame, by stage, `total` among them.
        fault: why it does not run here; empty if it does.
        restored: what it makes of the frame, uint8 `[H, W, 3]`, RGB.
        alike_db: PSNR of that to what `REFERENCE` makes of it, at most 60; None where either does not run.
        memory: of the message out, used again for each frame, as the node does.
    """

    candidate: str
    size: Size
    device: str = ''
    stages: dict[str, list[float]] = field(default_factory=dict)
    fault: str = ''
    restored: np.ndarray | None = None
    alike_db: float | None = None
    memory: bytearray | None = None


def candidates(model: Model, threads: int) -> dict[str, Callable[[], Backend]]:
    """All ways of running a model by name, in every precision that there is, the floor last.

    Each makes a backend that is not open yet.
    """
    precisions = [precision for precision in ('int8', 'fp16', 'fp32') if precision in model.card.graphs]
    ways = [Way('tensorrt', 'cuda', precision) for precision in precisions]
    ways += [Way('onnxruntime', 'cuda', 'fp32'), *ways_of(model, threads)]
    made: dict[str, Callable[[], Backend]] = {str(way): partial(way.create, model, threads) for way in ways}
    return made | {FLOOR: partial(create_backend, 'passthrough', model)}


def image_message(size: Size, encoding: str) -> bytes:
    """Return a serialised `sensor_msgs/Image` of a test image."""
    width, height = size
    message, data = cdr.new_image(Header(0, 0, 'camera'), height, width, encoding, width * CHANNELS[encoding])
    image = make_reference_images(np.random.default_rng(0), 1, height, width)[0]
    data[:] = image[..., : CHANNELS[encoding]].reshape(data.shape)
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

    Sizes are (width, height), `threads` are those of the CPU, 0 for one per core, the encoding is one of
    `CHANNELS`, and `on_round` is called after each round, `warm_up + frames` for each size.

    Returns:
        A case for each size and way, those that do not work here with their fault.
    """
    cases: list[Case] = []
    known = candidates(load_model(model), threads)
    for size in sizes:
        message = image_message(size, encoding)
        by_name = {name: Case(name, size) for name in known}
        with ExitStack() as closing:
            opened: dict[str, Backend] = {}
            for name, create in known.items():
                try:
                    backend = closing.enter_context(create())
                    backend.warm_up()
                    opened[name], by_name[name].device = backend, backend.device
                except RestoreError as error:
                    by_name[name].fault = str(error)
            for index in range(warm_up + frames):
                for name, backend in opened.items():
                    _take_turn(by_name[name], backend, message, counted=index >= warm_up)
                on_round()
        reference = by_name[REFERENCE].restored
        for case in by_name.values():
            if case.candidate != FLOOR and case.restored is not None and reference is not None:
                case.alike_db = round(capped_psnr(case.restored, reference), 2)
        cases += by_name.values()
    return cases


def _take_turn(case: Case, backend: Backend, message: bytes, counted: bool) -> None:
    """Take one frame from message to message."""
    if case.fault:
        return
    timer = StageTimer()
    try:
        with timer.stage(TOTAL):
            with timer.stage('decode'):
                frame = codec.decode(message)
            restored = restore_frame(backend, frame)
            timer.stages_ms |= restored.stages_ms
            with timer.stage('encode'):
                case.memory = codec.encode(restored.rgb, frame, into=case.memory)
            with timer.stage('hand over'):
                bytes(case.memory)  # what rclpy's publish takes
    except RestoreError as error:
        case.fault = str(error)
        return
    if case.restored is None:
        case.restored = restored.rgb.copy()
    for name, value in timer.stages_ms.items() if counted else ():
        case.stages.setdefault(name, []).append(value)


def cases_as_dicts(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Percentiles of every stage, and the ratios of the whole to floor and reference, median by median."""
    medians = {
        (case.candidate, case.size): percentiles(case.stages[TOTAL], digits=3)['p50']
        for case in cases
        if not case.fault
    }
    return [_as_dict(case, medians) for case in cases]


def _as_dict(case: Case, medians: dict[tuple[str, Size], float]) -> dict[str, Any]:
    result: dict[str, Any] = {'candidate': case.candidate, 'size': list(case.size), 'device': case.device}
    if case.fault:
        return result | {'fault': case.fault}
    median, floor, reference = (medians.get((name, case.size)) for name in (case.candidate, FLOOR, REFERENCE))
    assert median
    return result | {
        'frames': len(case.stages[TOTAL]),
        'stages_ms': {name: percentiles(times, digits=3) for name, times in case.stages.items()},
        'totals_ms': [round(value, 3) for value in case.stages[TOTAL]],
        'times_the_floor': round(median / floor, 2) if floor else None,
        'times_as_fast': round(reference / median, 2) if reference else None,
        'alike_db': case.alike_db,
    }
