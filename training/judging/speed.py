"""How long a model takes for a frame, and how much it computes: what its gain is to be weighed by."""

import os
from dataclasses import dataclass

import numpy as np

from restore_node.common.host import describe_host, host_line
from restore_node.common.reference_images import make_reference_images
from restore_node.common.timing import measure_ms
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
    """Measure a system; `model` is the name or file of the model whose card says what it computes."""
    frame = make_reference_images(np.random.default_rng(0), 1, *FRAME)[0]
    times_ms = measure_ms(lambda: system(frame), _TIMED, _WARM)
    macs = load_model(model).card.macs_per_pixel / 1e3 if model and not model.endswith('.pt') else None
    return Cost(macs, float(np.median(times_ms)))


def machine() -> str:
    """The processor, how many of its cores there are and how busy they are, in words."""
    return f'{host_line(describe_host())}, load {os.getloadavg()[0]:.1f}'
