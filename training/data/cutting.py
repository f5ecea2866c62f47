"""Where a patch is cut from a photograph, and how large it is there."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Cut:
    """A part of an image: `height` by `width` pixels from (`top`, `left`), reduced to `rows` by `columns`."""

    top: int
    left: int
    height: int
    width: int
    rows: int
    columns: int

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
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
    return Cut(top, left, side, side, size, size)


def framed_cut(height: int, width: int, rows: int, columns: int, margin: int) -> Cut:
    """The middle of an image as a frame with a margin around it, as much of the image as its shape allows.

    Small images are not enlarged: they make smaller frames. The margin shows the image where there is more of
    it, and mirrors it elsewhere.

    Args:
        height: of the image.
        width: of the image.
        rows: of the frame, at most; it has an even number of them.
        columns: likewise.
        margin: pixels on every side of the frame.
    """
    rows, columns = (min(most, side) // 2 * 2 for most, side in ((rows, height), (columns, width)))
    scale = min(height / rows, width / columns)
    part = round((rows + 2 * margin) * scale), round((columns + 2 * margin) * scale)
    top, left = ((whole - side) // 2 for whole, side in zip((height, width), part, strict=True))
    return Cut(top, left, *part, rows + 2 * margin, columns + 2 * margin)


class Cuts(Protocol):
    """Where patches are cut."""

    @property
    def is_whole(self) -> bool:
        """Whether they are whole frames, not parts of larger ones."""

    def draw(self, height: int, width: int, margin: int, rng: np.random.Generator) -> Cut:
        """A cut from an image of so many rows and columns, with a margin on every side."""


@dataclass(frozen=True)
class SquareCuts:
    """Squares of `size` pixels anywhere in an image, at a scale from `smallest_scale` to 1."""

    size: int
    smallest_scale: float
    is_whole = False

    def draw(self, height: int, width: int, margin: int, rng: np.random.Generator) -> Cut:
        """See `Cuts`."""
        return draw_cut(height, width, self.size + 2 * margin, self.smallest_scale, rng)


@dataclass(frozen=True)
class WholeCuts:
    """The middle of an image, reduced to a frame of at most this size."""

    columns: int
    rows: int
    is_whole = True

    def draw(self, height: int, width: int, margin: int, rng: np.random.Generator) -> Cut:
        """See `Cuts`."""
        return framed_cut(height, width, self.rows, self.columns, margin)
