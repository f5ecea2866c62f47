"""Between pixel values and light: the reference's tables on a device."""

from functools import cache

import torch
from torch import Tensor

from training.degradation.linear_light import STEPS, TO_DISPLAY, TO_LINEAR


def to_linear(pixels: Tensor) -> Tensor:
    """Linear light of uint8 pixels of any shape, 0..255: float32 of the same shape, 0..1."""
    return _tables(pixels.device)[0][pixels.int()]


def to_display(light: Tensor) -> Tensor:
    """Pixel values of float32 linear light of any shape, clipped to 0..1: uint8 of the same shape, 0..255."""
    return _tables(light.device)[1][(light.clamp(0.0, 1.0).sqrt() * STEPS + 0.5).int()]


@cache
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(TO_LINEAR).to(device), torch.from_numpy(TO_DISPLAY).to(device)
