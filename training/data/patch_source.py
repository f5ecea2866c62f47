"""Samples from sharp photographs and sequences that are degraded here."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.config.data import DataConfig, SharpConfig
from training.data.cutting import Cut, draw_cut, framed_cut
from training.data.photographs import CameraFrame, Photograph, set_of
from training.data.pool import PATCHES_PER_READ, PatchPool
from training.data.samples import Pair, crop_pair
from training.data.sequences import EXPOSED
from training.degradation.degrade import KINDS, DegradationConfig, degrade, draw, draw_kind, truth
from training.degradation.video_blur import blur_between

MARGIN_PX = 32
"""Cut off after degrading: what moves in over the border of a patch is not what a real camera would see."""

DrawCut = Callable[[int, int, np.random.Generator], Cut]
"""Where to cut from an image of so many rows and columns; the margin is inside the cut."""


class PatchSource:
    """Endless samples: crops of degraded patches; see `Source`.

    Args:
        photographs: sharp ones, or frames of sequences, to train on; drawn by the weights of their sets.
        sharp: what they are.
        data: how patches and crops are cut.
        degradation: how patches are degraded.
        seed: decides everything.
        batch: samples a step, over all ranks.
        share: the part of the pool's memory that is this source's, 0..1.
    """

    def __init__(
        self,
        photographs: Sequence[Photograph],
        sharp: SharpConfig,
        data: DataConfig,
        degradation: DegradationConfig,
        seed: int,
        batch: int,
        share: float = 1.0,
    ) -> None:
        self._photographs, self._sharp, self._data, self._degradation = photographs, sharp, data, degradation
        weights = np.array([set_of(photograph, sharp.sets).weight for photograph in photographs])
        self._chances = weights / weights.sum()
        self._pool = PatchPool(self._make, share * data.pool, data.reuse, seed, batch)

    def sample(self, index: int) -> Pair:
        """Sample `index`: uint8 [crop, crop, 3] RGB each; raises RestoreError if a photograph is broken."""
        patch, rng = self._pool.draw(index)
        return crop_pair(patch, self._data.crop_px, rng, flips=self._data.flips, turns=self._data.turns)

    def _make(self, rng: np.random.Generator) -> list[Pair]:
        photograph = self._photographs[rng.choice(len(self._chances), p=self._chances)]
        frames = read_frames(photograph, self._sharp.real_motion)
        return [
            make_patch(
                frames,
                draw_kind(self._degradation, rng),
                square_cut(self._data.patch_px, self._sharp.smallest_scale),
                self._degradation,
                rng,
                self._sharp.real_motion,
            )
            for _ in range(PATCHES_PER_READ)
        ]


def square_cut(patch_px: int, smallest_scale: float) -> DrawCut:
    """Cuts of square patches anywhere in an image, with their margin."""
    size = patch_px + 2 * MARGIN_PX
    return lambda height, width, rng: draw_cut(height, width, size, smallest_scale, rng)


def whole_cut(columns: int, rows: int) -> DrawCut:
    """The middle of images, reduced to frames of at most this size, with a margin around."""
    return lambda height, width, _: framed_cut(height, width, rows, columns, MARGIN_PX)


def read_frames(photograph: Photograph, real_motion: float) -> list[NDArray[np.uint8]]:
    """A photograph, uint8 [H, W, 3] RGB; where real motion is asked for, with the two frames behind it."""
    if isinstance(photograph, CameraFrame) and real_motion > 0.0:
        return photograph.read_on(EXPOSED)
    return [photograph.read()]


def make_patch(
    frames: Sequence[NDArray[np.uint8]],
    kind: str,
    cut_from: DrawCut,
    degradation: DegradationConfig,
    rng: np.random.Generator,
    real_motion: float = 0.0,
) -> Pair:
    """A (degraded, sharp) pair: uint8 [rows, columns, 3] RGB each, 0..255, contiguous.

    Args:
        frames: uint8 [H, W, 3] RGB, what `read_frames` gave: a photograph, or three frames in a row.
        kind: of degradation, a key of `KINDS`; its blur is the frames' own motion or a drawn one.
        cut_from: which part of the image becomes the patch with its margin, which is cut off at last.
        degradation: the ranges that strengths are drawn from.
        rng: decides.
        real_motion: the share of blurred patches whose blur is the frames' own motion, 0..1.
    """
    alike = len(frames) == EXPOSED and len({frame.shape for frame in frames}) == 1
    moving = alike and 'blur' in KINDS[kind] and rng.random() < real_motion
    cut = cut_from(*frames[0].shape[:2], rng)
    if not moving:
        # Of three frames the middle one is the truth in any case.
        sharp = cut.of(frames[len(frames) // 2])
        drawn = draw(degradation, kind, *sharp.shape[:2], rng)
        return _inner(degrade(sharp, drawn)), _inner(truth(sharp, drawn))
    exposure, sharp = blur_between(
        [cut.of(frame) for frame in frames], rng.uniform(*degradation.blur.shutter)
    )
    rest = next(name for name, effects in KINDS.items() if effects == KINDS[kind] - {'blur'})
    return _inner(degrade(exposure, draw(degradation, rest, *sharp.shape[:2], rng))), _inner(sharp)


def _inner(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])
