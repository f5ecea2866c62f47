"""Where the time of a training step goes, and what its device could do at best."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from restore_node.common.host import describe_host, host_line
from training.config.run import TrainConfig
from training.loop.learner import Learner
from training.loop.objectives import make_objective, to_unit

PARTS = ('data', 'forward', 'backward', 'optimizer')
"""Of a step: until degraded and sharp crops are on the device; the generator and the loss; gradients; their
check, clipping and the optimizer."""

_PEAK_SIDES = {'cpu': 1024, 'cuda': 8192}
_PEAK_PRODUCTS = 20


class TimedLearner(Learner):
    """A learner that notes when its backward pass begins and ends."""

    backward_at = 0.0, 0.0

    def backward(self, loss: Tensor) -> None:
        """As `Learner`'s, between two looks at the clock."""
        began = now(loss.device)
        super().backward(loss)
        self.backward_at = began, now(loss.device)


def now(device: torch.device) -> float:
    """Seconds, once all that a device was given is done."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return time.perf_counter()


def time_steps(
    fabric: Fabric, generator: TimedLearner, config: TrainConfig, stream: Iterator[Any], steps: int
) -> dict[str, NDArray[np.float64]]:
    """Take steps as the trainer does, without averaging weights.

    The device finishes each part before the next one begins, so parts do not overlap as they may in training:
    on a GPU the sum is a little more than a step there. Returns seconds of each part of every step, float64
    [steps], and of all of it under `step`.
    """
    objective = make_objective(fabric, generator, config)
    marks = []
    for _ in range(steps):
        began = now(fabric.device)
        degraded, sharp = map(to_unit, fabric.to_device(next(stream)))
        ready = now(fabric.device)
        objective.step(degraded, sharp, config.schedule.learning_rate)
        marks.append((began, ready, *generator.backward_at, now(fabric.device)))
    seconds = np.diff(marks, axis=1)
    return dict(zip(PARTS, seconds.T, strict=True)) | {'step': seconds.sum(axis=1)}


def peak_flops(device: torch.device, precision: str) -> float:
    """FLOP/s of a large square matrix product in a run's precision, the fastest of several."""
    side = _PEAK_SIDES[device.type]
    dtype = torch.bfloat16 if precision == 'bf16-mixed' else torch.float32
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(_PEAK_PRODUCTS):
        began = now(device)
        torch.mm(a, b)
        seconds.append(now(device) - began)
    return 2 * side**3 / min(seconds)


def device_name(device: torch.device) -> str:
    """What GPU it is, or how many cores there are."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return host_line(describe_host())


def memory_bytes(device: torch.device) -> int:
    """What is allocated on a GPU; else the resident memory of this process."""
    if device.type == 'cuda':
        return torch.cuda.memory_allocated(device)
    status = Path('/proc/self/status').read_text(encoding='utf-8')
    (line,) = (line for line in status.splitlines() if line.startswith('VmRSS:'))
    return 1024 * int(line.split()[1])
