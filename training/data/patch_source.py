"""Samples from sharp photographs and sequences that are degraded here.

Making a patch takes far longer than cutting a crop from it, so each patch serves many crops: at any time
samples draw from a pool of patches, into which new ones come as old ones leave. The pool is a matter of
numbers only (which patches may sample i draw from?), and every patch is a function of its own number. So a
resumed run finds the pool it left, and processes divide it without talking.
"""

from collections.abc import Callable, Sequence

import numpy as np

from restore_node.common.errors import InputError
from training.config.data import DataConfig, PhotographsConfig, SequencesConfig
from training.data.cutting import SquareCuts
from training.data.patches import PatchMaker, read_frames
from training.data.photographs import set_of
from training.data.samples import Pair, crop_pair, lanes
from training.data.stored import Photograph
from training.degradation.blur.real_motion import BadMotionError
from training.degradation.degrade import DegradationConfig, draw_kind

PATCHES_PER_READ = 4
"""Decoding a photograph takes about as long as degrading a patch of it."""

# Apart in the seeds of random generators.
_SAMPLES, _READS, _PHASES = 0, 1, 2

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
        self._maker = PatchMaker(cuts, degradation, sharp.real_motion, data.fog)
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


class PatchPool:
    """Draws a patch for every sample.

    Each lane (see `lanes`) has its own row of reads, a read being one photograph with four patches of it.
    Sample i, the v-th of its lane, draws from the last `window` reads up to number v / (4 * reuse): so a
    patch serves `reuse` samples on average, spread over as many as the pool makes, and all lanes together
    hold about `pool` patches, at least one read each. Lanes go on to their next reads one by one, each in its
    own phase: the work of making patches is spread evenly over the steps. `make` reads a photograph and cuts
    `PATCHES_PER_READ` patches from it, as its generator decides.
    """

    def __init__(
        self,
        make: Callable[[np.random.Generator], list[Pair]],
        pool: float,
        reuse: int,
        seed: int,
        batch: int,
    ) -> None:
        self._make, self._seed = make, seed
        self._lanes, self._visits_per_read = lanes(batch), PATCHES_PER_READ * reuse
        self._window = max(1, round(pool / (self._lanes * PATCHES_PER_READ)))
        order = np.random.default_rng([seed, _PHASES]).permutation(self._lanes)
        self._phases = order * self._visits_per_read // self._lanes
        self._made: dict[int, dict[int, list[Pair]]] = {}

    def draw(self, index: int) -> tuple[Pair, np.random.Generator]:
        """The patch of sample `index`, and a generator for what else is random in it."""
        visit, lane = divmod(index, self._lanes)
        newest = int(visit + self._phases[lane]) // self._visits_per_read
        reads = range(max(0, newest - self._window + 1), newest + 1)
        rng = np.random.default_rng([self._seed, _SAMPLES, index])
        read = int(rng.integers(reads.start, reads.stop))
        return self._read(lane, read, reads)[rng.integers(PATCHES_PER_READ)], rng

    def _read(self, lane: int, read: int, reads: range) -> list[Pair]:
        made = self._made.setdefault(lane, {})
        if read not in made:
            for gone in made.keys() - set(reads):
                del made[gone]
            made[read] = self._make(np.random.default_rng([self._seed, _READS, lane, read]))
        return made[read]
