"""Between pixel values and light (paper eq. 2-4): exposure integrates light, not pixel values.

Photographs are degraded by one curve, a gamma of 2.2. Real cameras have others, and one form of GOPRO's
published blur averages pixel values themselves.

What a camera clipped was brighter than it could show. Lamps and reflections draw bright trails through real
blur, because the sensor adds up their light before it clips it (J. Rim et al., "Realistic Blur Synthesis for
Learning Image Deblurring", ECCV 2022, section 4). The light that a photograph lost is put back by a factor.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.smoothstep import smoothstep

GAMMA = 2.2

_WHITE, _WIDE_SHARE = 250, 0.02
# Above this the light of a pixel is raised, to the whole factor at white.
_CLIPPED_FROM = 240

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


@dataclass(frozen=True)
class ToneCurve:
    """How a camera turns light into pixel values: a power, bent to an S.

    Attributes:
        gamma: the power; with 1, and no contrast, pixel values are light itself.
        contrast: 0 is the bare power, 1 a curve that is level in black and white.
    """

    gamma: float = GAMMA
    contrast: float = 0.0

    @property
    def light(self) -> NDArray[np.float32]:
        """Light by pixel value, float32 [256], 0..1."""
        stops = np.linspace(0.0, 1.0, 4097)
        bent = stops + self.contrast * (smoothstep(stops) - stops)
        return (np.interp(np.arange(256) / 255.0, bent, stops) ** self.gamma).astype(np.float32)

    def to_light(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Light of an image: uint8 [H, W, 3], 0..255, to float32 of the same shape, 0..1."""
        return cv2.LUT(image, self.light)

    def to_display(self, light: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pixel values of light: float32 of any shape, clipped to 0..1, to uint8, 0..255.

        `to_display(to_light(x))` is x, bit for bit.
        """
        values = np.interp((np.arange(STEPS + 1) / STEPS) ** 2, self.light, np.arange(256))
        return to_display(light, np.rint(values).astype(np.uint8))


USUAL = ToneCurve()
"""That of `to_linear` and `to_display`."""


def raised(image: NDArray[np.uint8], factor: float, curve: ToneCurve = USUAL) -> NDArray[np.float32]:
    """The light of an image whose white places are brighter than white by a factor of 1 or more.

    uint8 [H, W, 3] RGB, 0..255, to float32 [H, W, 3], linear light by the camera's curve, 0..`factor`.
    """
    light = curve.to_light(image)
    if factor > 1.0:
        # Where all three colours are clipped: raising one alone would turn cream to red.
        rise = smoothstep((np.arange(256) - _CLIPPED_FROM) / (255.0 - _CLIPPED_FROM))
        table = (1.0 + (factor - 1.0) * rise).astype(np.float32)
        darkest = cv2.min(cv2.min(image[..., 0], image[..., 1]), image[..., 2])
        light *= cv2.LUT(darkest, table)[..., None]
    return light


def white_of(image: NDArray[np.uint8], factor: float) -> float:
    """How bright white is in an image, uint8 [H, W, 3], where lamps are `factor` times as bright as white.

    Much white, as the sky or a wall in the sun, is less far above what the camera could show than a lamp.
    """
    wide = (image.min(axis=2) >= _WHITE).mean() > _WIDE_SHARE
    return float(np.sqrt(factor)) if wide else factor
