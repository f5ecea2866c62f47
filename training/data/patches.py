"""Samples from sharp photographs that are degraded here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.config import DataConfig
from training.data.cutting import draw_cut
from training.data.photographs import Photograph
from training.data.pool import PATCHES_PER_READ, PatchPool
from training.data.samples import Pair, crop_pair
from training.degradation.sample import DegradationConfig, degrade, draw, draw_kind, truth

MARGIN_PX = 32
"""Cut off after degrading: what moves in over the border of a patch is not what a real camera would see."""


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

    def __len__(self) -> int:
        return 0

    def sample(self, index: int) -> Pair:
        """Sample `index`: uint8 [crop, crop, 3] RGB each; raises RestoreError if a photograph is broken."""
        patch, rng = self._pool.draw(index)
        return crop_pair(patch, self._data.crop_px, rng, flips=self._data.flips, turns=self._data.turns)

    def _make(self, photograph: Photograph, rng: np.random.Generator) -> list[Pair]:
        image = photograph.read()
        return [
            make_pair(image, draw_kind(self._degradation, rng), self._data, self._degradation, rng)
            for _ in range(PATCHES_PER_READ)
        ]


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


def _inner(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])
