"""Samples from sharp photographs and sequences that are degraded here."""

from collections.abc import Sequence

import numpy as np

from restore_node.common.errors import InputError
from training.config.data import DataConfig, PhotographsConfig, SequencesConfig
from training.data.cutting import SquareCuts
from training.data.patches import PatchMaker, read_frames
from training.data.photographs import set_of
from training.data.pool import PATCHES_PER_READ, PatchPool
from training.data.samples import Pair, crop_pair
from training.data.stored import Photograph
from training.degradation.blur.real_motion import BadMotionError
from training.degradation.degrade import DegradationConfig, draw_kind

_PLACES = 200
"""So many places in a row that show no usable motion are no accident."""


class PatchSource:
    """Endless samples: crops of degraded patches; see `Source`.

    Photographs, or frames of sequences, are drawn by the weights of their sets; `share` is the part of the
    pool's memory that is this source's, 0..1.
    """

    def __init__(
        self,
        photographs: Sequence[Photograph],
        sharp: PhotographsConfig | SequencesConfig,
        data: DataConfig,
        degradation: DegradationConfig,
        seed: int,
        batch: int,
        share: float = 1.0,
    ) -> None:
        self._photographs, self._data, self._degradation = photographs, data, degradation
        cuts = SquareCuts(data.patch_px, sharp.smallest_scale)
        self._maker = PatchMaker(cuts, degradation, sharp.real_motion)
        weights = np.array([set_of(photograph, sharp.sets).weight for photograph in photographs])
        self._chances = weights / weights.sum()
        self._pool = PatchPool(self._make, share * data.pool, data.reuse, seed, batch)

    def sample(self, index: int) -> Pair:
        """Sample `index`: uint8 [crop, crop, 3] RGB each; raises RestoreError if a photograph is broken."""
        patch, rng = self._pool.draw(index)
        return crop_pair(patch, self._data.crop_px, rng, flips=self._data.flips, turns=self._data.turns)

    def _make(self, rng: np.random.Generator) -> list[Pair]:
        """The patches of a read. Where a place has no usable motion, the next one takes what is left."""
        kinds = [draw_kind(self._degradation, rng) for _ in range(PATCHES_PER_READ)]
        patches: list[Pair] = []
        refused: BadMotionError | None = None
        for _ in range(_PLACES):
            photograph = self._photographs[rng.choice(len(self._chances), p=self._chances)]
            plans = [self._maker.plan(photograph, kind, rng) for kind in kinds]
            frames = read_frames(photograph, plans)
            kinds = []
            for plan in plans:
                try:
                    patches.append(self._maker.make(frames, plan, rng))
                except BadMotionError as error:
                    kinds.append(plan.kind)
                    refused = error
            if not kinds:
                return patches
        raise InputError(
            f'sequences without usable motion, {_PLACES} places in a row',
            seen=f'last {photograph.name}: {refused}',
            wanted='sharp frames of one camera that follow each other',
            fix='leave these sequences out',
        )
