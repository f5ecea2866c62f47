"""Where a patch is cut from a photograph, and how large it is there."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.samples import padded


@dataclass(frozen=True)
class Cut:
    """A square of an image: `side` pixels from (`top`, `left`) on, which become `size` pixels."""

    top: int
    left: int
    side: int
    size: int

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The square of uint8 [H, W, 3], 0..255: uint8 [size, size, 3]; small images are `padded`."""
        rows, columns = slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)
        part = padded(image, self.side)[rows, columns]
        if self.side != self.size:
            return cv2.resize(part, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(part)


def draw_cut(height: int, width: int, size: int, smallest_scale: float, rng: np.random.Generator) -> Cut:
    """A square anywhere in an image, reduced by a random factor, which also makes soft photographs sharp.

    Args:
        height: of the image.
        width: of the image.
        size: side of the patch.
        smallest_scale: the scale is drawn from this to 1, as far as the image is large enough.
        rng: decides.
    """
    least = min(1.0, max(smallest_scale, size / min(height, width)))
    side = round(size / rng.uniform(least, 1.0))
    top, left = (int(rng.integers(max(0, length - side) + 1)) for length in (height, width))
    return Cut(top, left, side, size)
