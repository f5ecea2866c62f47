"""One training from several sources: which of them gives a sample is a function of the seed and its index."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from restore_node.common.errors import ConfigError
from training.data.samples import Pair, Source, lanes

BLOCK = 1000
"""Visits of a lane in which every source gives exactly its share."""

# Apart in the seeds of random generators.
_DEALING = 3


class Mixture:
    """Samples of several sources by weight; see `Source`.

    Every lane (see `lanes`) deals its visits out to the sources in blocks of a thousand, each in an order of
    its own, and counts what it has dealt: the n-th sample that a lane takes of a source is that source's
    sample `n * lanes + lane`. So a source sees the indices that it would see alone, none left out, each lane
    in its own process, and keeps what it shares between samples. Raises ConfigError where a source would give
    less than a sample in a thousand.
    """

    def __init__(self, sources: Sequence[Source], weights: Sequence[float], seed: int, batch: int) -> None:
        self._sources, self._seed, self._lanes = tuple(sources), seed, lanes(batch)
        bounds = np.rint(BLOCK * np.cumsum([0.0, *weights]) / sum(weights)).astype(int)
        self._counts = np.diff(bounds)
        if not self._counts.all():
            raise ConfigError(
                'data.sources has a weight that is too small',
                seen=list(weights),
                wanted=f'each at least 1/{BLOCK} of their sum',
            )
        self._dealt: dict[int, tuple[int, NDArray[np.intp], NDArray[np.intp]]] = {}

    def sample(self, index: int) -> Pair:
        """Sample `index` of the run; raises what its source raises."""
        chosen, own = self.origin(index)
        return self._sources[chosen].sample(own)

    def origin(self, index: int) -> tuple[int, int]:
        """Which source gives sample `index`, and as which of its own samples."""
        visit, lane = divmod(index, self._lanes)
        block, place = divmod(visit, BLOCK)
        if lane not in self._dealt or self._dealt[lane][0] != block:
            self._dealt[lane] = block, *self._deal(lane, block)
        _, order, earlier = self._dealt[lane]
        chosen = int(order[place])
        number = block * int(self._counts[chosen]) + int(earlier[place])
        return chosen, number * self._lanes + lane

    def _deal(self, lane: int, block: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The sources of a block's visits, and how many visits before each had the same one."""
        rng = np.random.default_rng([self._seed, _DEALING, lane, block])
        order = rng.permutation(np.repeat(np.arange(len(self._counts)), self._counts))
        earlier = np.empty_like(order)
        for source, count in enumerate(self._counts):
            earlier[order == source] = np.arange(count)
        return order, earlier
