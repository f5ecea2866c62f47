"""A pool of patches that many samples share, without anything to remember.

Making a patch takes far longer than cutting a crop from it, so each patch serves many crops: at any time
samples draw from a pool of patches, into which new ones come as old ones leave. The pool is a matter of
numbers only (which patches may sample i draw from?), and every patch is a function of its own number. So a
resumed run finds the pool it left, and processes divide it without talking.
"""

from collections.abc import Callable

import numpy as np

from training.data.samples import Pair, lanes

PATCHES_PER_READ = 4
"""Decoding a photograph takes about as long as degrading a patch of it."""

# Apart in the seeds of random generators.
_SAMPLES, _READS, _PHASES = 0, 1, 2


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
