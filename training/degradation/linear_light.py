"""Between pixel values and light (paper eq. 2-4): exposure integrates light, not pixel values."""

import numpy as np
from numpy.typing import NDArray

GAMMA = 2.2

TO_LINEAR = np.power(np.arange(256, dtype=np.float32) / 255.0, np.float32(GAMMA))
"""Linear light by pixel value."""

# The table for the way back is indexed by the square root of light, where 4096 steps are finer than one grey
# level everywhere: indexed by light itself, the darkest steps would be several grey levels wide.
STEPS = 4095
TO_DISPLAY = np.rint(255.0 * np.power(np.arange(STEPS + 1) / STEPS, 2.0 / GAMMA)).astype(np.uint8)
"""Pixel value by `STEPS` times the square root of linear light, rounded."""


def to_linear(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear light of an image: uint8 of any shape, 0..255, to float32 of the same shape, 0..1."""
    return TO_LINEAR[image]


def to_display(light: NDArray[np.float32], table: NDArray[np.uint8] = TO_DISPLAY) -> NDArray[np.uint8]:
    """Pixel values of linear light: float32 of any shape, clipped to 0..1, to uint8, 0..255.

    `to_display(to_linear(x))` is x, bit for bit; another curve has another table in place of `TO_DISPLAY`.
    """
    index = np.sqrt(np.clip(light, 0.0, 1.0))
    index *= STEPS
    index += 0.5
    return table[index.astype(np.uint16)]
