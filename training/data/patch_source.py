"""Samples from sharp photographs that are degraded here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.config.data import DataConfig
from training.data.cutting import draw_cut
from training.data.photographs import CameraFrame, Photograph
from training.data.pool import PATCHES_PER_READ, PatchPool
from training.data.samples import Pair, crop_pair
from training.degradation.degrade import KINDS, DegradationConfig, degrade, draw, draw_kind, truth
from training.degradation.video_blur import blur_between

MARGIN_PX = 32
"""Cut off after degrading: what moves in over the border of a patch is not what a real camera would see."""

# Frames of one exposure; the middle one is the truth.
_EXPOSED = 3


class PatchSource:
    """Endless samples: crops of degraded patches; see `Source`.

    Args:
        photographs: sharp ones, to train on.
        data: how patches and crops are cut.
        degradation: how patches are degraded.
        seed: decides everything.
        batch: samples a step, over all ranks.
    """

    def __init__(
        self,
        photographs: Sequence[Photograph],
        data: DataConfig,
        degradation: DegradationConfig,
        seed: int,
        batch: int,
    ) -> None:
        self._data, self._degradation = data, degradation
        self._pool = PatchPool(photographs, data, seed, batch, self._make)

    def sample(self, index: int) -> Pair:
        """Sample `index`: uint8 [crop, crop, 3] RGB each; raises RestoreError if a photograph is broken."""
        patch, rng = self._pool.draw(index)
        return crop_pair(patch, self._data.crop_px, rng, flips=self._data.flips, turns=self._data.turns)

    def _make(self, photograph: Photograph, rng: np.random.Generator) -> list[Pair]:
        frames = read_frames(photograph, self._data)
        return [
            make_patch(frames, draw_kind(self._degradation, rng), self._data, self._degradation, rng)
            for _ in range(PATCHES_PER_READ)
        ]


def read_frames(photograph: Photograph, data: DataConfig) -> list[NDArray[np.uint8]]:
    """A photograph, uint8 [H, W, 3] RGB; of a video or bag, with the two frames behind it."""
    if isinstance(photograph, CameraFrame) and data.real_motion > 0.0:
        return photograph.read_on(_EXPOSED)
    return [photograph.read()]


def make_patch(
    frames: Sequence[NDArray[np.uint8]],
    kind: str,
    data: DataConfig,
    degradation: DegradationConfig,
    rng: np.random.Generator,
) -> Pair:
    """A (degraded, sharp) pair: uint8 [patch, patch, 3] RGB each, 0..255, contiguous.

    Args:
        frames: uint8 [H, W, 3] RGB, what `read_frames` gave: a photograph, or three frames in a row.
        kind: of degradation, a key of `KINDS`; its blur is the frames' own motion or a drawn one.
        data: patch size, scales, and the share of real motion.
        degradation: the ranges that strengths are drawn from.
        rng: decides.
    """
    alike = len(frames) == _EXPOSED and len({frame.shape for frame in frames}) == 1
    if alike and 'blur' in KINDS[kind] and rng.random() < data.real_motion:
        return make_moving_pair(frames, kind, data, degradation, rng)
    return make_pair(frames[0], kind, data, degradation, rng)


def make_pair(
    image: NDArray[np.uint8],
    kind: str,
    data: DataConfig,
    degradation: DegradationConfig,
    rng: np.random.Generator,
) -> Pair:
    """A (degraded, sharp) pair: uint8 [patch, patch, 3] RGB each, cut anywhere from the photograph."""
    size = data.patch_px + 2 * MARGIN_PX
    height, width = image.shape[:2]
    sharp = draw_cut(height, width, size, data.smallest_scale, rng).of(image)
    drawn = draw(degradation, kind, size, size, rng)
    return _inner(degrade(sharp, drawn)), _inner(truth(sharp, drawn))


def make_moving_pair(
    frames: Sequence[NDArray[np.uint8]],
    kind: str,
    data: DataConfig,
    degradation: DegradationConfig,
    rng: np.random.Generator,
) -> Pair:
    """As `make_pair`, of a kind with blur, which here is the motion between three neighbouring frames."""
    size = data.patch_px + 2 * MARGIN_PX
    height, width = frames[0].shape[:2]
    cut = draw_cut(height, width, size, data.smallest_scale, rng)
    exposure, sharp = blur_between(
        [cut.of(frame) for frame in frames], rng.uniform(*degradation.blur.shutter)
    )
    rest = next(name for name, effects in KINDS.items() if effects == KINDS[kind] - {'blur'})
    drawn = draw(degradation, rest, size, size, rng)
    return _inner(degrade(exposure, drawn)), _inner(sharp)


def _inner(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])
