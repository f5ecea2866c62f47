"""Samples: what a source of training data promises, and what every source does to its crops."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""uint8 [H, W, 3] RGB, 0..255."""

Pair = tuple[Image, Image]
"""(degraded, sharp), of one size."""

LANE_STEPS = 16


def lanes(batch: int) -> int:
    """How many lanes the samples of a run are dealt to: sample i is in lane i modulo this.

    Samples share what is costly to make (a degraded patch, a decoded image) within their lane only. A lane
    is one place of a batch in every sixteenth step, so it stays with one rank and, with 1, 2, 4, 8 or 16
    workers, with one worker: what is shared is made once, and yet no sample knows who makes it.
    """
    return LANE_STEPS * batch


class Source(Protocol):
    """Training samples by number: the same seed and index give the same sample, whoever asks and when."""

    def sample(self, index: int) -> Pair:
        """Sample `index`, 0 or more: contiguous uint8 [crop, crop, 3] RGB each."""


def crop_pair(pair: Pair, size: int, rng: np.random.Generator, *, flips: bool, turns: bool) -> Pair:
    """A random square of a pair of at least this size, at random mirrored and turned if asked.

    Each axis is mirrored, and the axes are swapped, in half of the cases: with both all eight orientations
    are equally likely.
    """
    height, width = pair[0].shape[:2]
    top, left = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    mirrored = tuple(axis for axis in (0, 1) if rng.random() < 0.5) if flips else ()
    turned = turns and rng.random() < 0.5

    def crop(image: Image) -> Image:
        part = np.flip(image[top : top + size, left : left + size], mirrored)
        return np.ascontiguousarray(part.swapaxes(0, 1) if turned else part)

    return crop(pair[0]), crop(pair[1])


def padded(image: Image, size: int) -> Image:
    """The image, uint8 [H, W, 3], mirrored at its right and bottom edge to sides of at least this size.

    The last row and column are repeated (numpy's `symmetric`), so that an image of any size can be continued.
    """
    short = [max(0, size - side) for side in image.shape[:2]]
    return np.pad(image, ((0, short[0]), (0, short[1]), (0, 0)), mode='symmetric') if any(short) else image
