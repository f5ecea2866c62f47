"""Between pixel values and light by other curves than that of `linear_light`.

That is the one which photographs are degraded by. Real cameras have others, and one form of GOPRO's published
blur averages pixel values themselves.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.linear_light import GAMMA, STEPS, to_display
from training.degradation.smoothstep import smoothstep

_VALUES = np.arange(256) / 255.0


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
        return (np.interp(_VALUES, bent, stops) ** self.gamma).astype(np.float32)

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
"""That of `linear_light`."""
