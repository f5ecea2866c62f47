"""How long a model takes for a frame, and how much it computes: what its gain is to be weighed by."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from restore_node.common.reference_images import make_reference_images
from restore_node.model import load_model
from training.evaluation.systems import System

FRAME = 360, 640
_WARM, _TIMED = 3, 15


@dataclass(frozen=True)
class Cost:
    """What a frame of 640x360 costs.

    Attributes:
        kmacs_per_pixel: thousands of multiply-accumulates per pixel; None where nobody counted.
        milliseconds: median on this machine, from pixels to pixels.
    """

    kmacs_per_pixel: float | None
    milliseconds: float


def cost_of(system: System, model: str | None = None) -> Cost:
    """Measure a system; `model` is the name or file of the model whose card says what it computes.

    Raises:
        RestoreError: no such model.
    """
    frame = make_reference_images(np.random.default_rng(0), 1, *FRAME)[0]
    times = []
    for _ in range(_WARM + _TIMED):
        start = perf_counter()
        system.restore('', frame)
        times.append(perf_counter() - start)
    macs = load_model(model).card.macs_per_pixel / 1e3 if model and not model.endswith('.pt') else None
    return Cost(macs, 1e3 * float(np.median(times[_WARM:])))


def machine() -> str:
    """The processor, how many of its cores there are and how busy they are, in words."""
    named = platform.processor() or platform.machine()
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding='utf-8').splitlines()
        named = next(
            (line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')), named
        )
    return f'{named}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}'
