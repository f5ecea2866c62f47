"""Where a patch is cut from a photograph, and how large it is there."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.data.samples import Image


@dataclass(frozen=True)
class Cut:
    """A part of an image: `height` by `width` pixels from (`top`, `left`), reduced to `rows` by `columns`."""

    top: int
    left: int
    height: int
    width: int
    rows: int
    columns: int

    def of(self, image: Image) -> Image:
        """The part of uint8 [H, W, 3], 0..255: uint8 [rows, columns, 3]; what lies outside is mirrored."""
        sides = zip((self.top, self.left), (self.height, self.width), image.shape[:2], strict=True)
        outside = [(max(0, -first), max(0, first + side - whole)) for first, side, whole in sides]
        if any(map(any, outside)):
            image = np.pad(image, (*outside, (0, 0)), mode='symmetric')
        top, left = max(0, self.top), max(0, self.left)
        part = image[top : top + self.height, left : left + self.width]
        if (self.height, self.width) != (self.rows, self.columns):
            return cv2.resize(part, (self.columns, self.rows), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(part)


@dataclass(frozen=True)
class SquareCuts:
    """Squares of `size` pixels anywhere in an image, reduced by a random factor.

    That also makes soft photographs sharp. The scale is drawn from `smallest_scale` to 1, as far as the image
    is large enough.
    """

    size: int
    smallest_scale: float
    is_whole = False

    def draw(self, height: int, width: int, margin: int, rng: np.random.Generator) -> Cut:
        """A cut from an image of so many rows and columns, with a margin on every side."""
        size = self.size + 2 * margin
        least = min(1.0, max(self.smallest_scale, size / min(height, width)))
        side = round(size / rng.uniform(least, 1.0))
        top, left = (int(rng.integers(max(0, length - side) + 1)) for length in (height, width))
        return Cut(top, left, side, side, size, size)


@dataclass(frozen=True)
class WholeCuts:
    """The middle of an image as a frame of at most this size, as much of the image as its shape allows.

    Small images are not enlarged: they make smaller frames, of even sides. The margin shows the image where
    there is more of it, and mirrors it elsewhere.
    """

    columns: int
    rows: int
    is_whole = True

    def draw(self, height: int, width: int, margin: int, rng: np.random.Generator) -> Cut:
        """As of `SquareCuts`; nothing is drawn."""
        rows, columns = min(self.rows, height) // 2 * 2, min(self.columns, width) // 2 * 2
        scale = min(height / rows, width / columns)
        part = round((rows + 2 * margin) * scale), round((columns + 2 * margin) * scale)
        top, left = ((whole - side) // 2 for whole, side in zip((height, width), part, strict=True))
        return Cut(top, left, *part, rows + 2 * margin, columns + 2 * margin)


Cuts = SquareCuts | WholeCuts
"""Where patches are cut: parts of larger frames, or whole ones."""


def middle(image: Image, height: int | None = None, width: int | None = None, multiple: int = 1) -> Image:
    """The middle of an image, at most so large: uint8 [H, W, 3], in and out, contiguous.

    H and W of what is returned are multiples of `multiple`.
    """
    rows, columns = image.shape[:2]
    height, width = (
        min(side, most or side) // multiple * multiple for side, most in ((rows, height), (columns, width))
    )
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])
