"""Samples from sharp photographs that are degraded here.

Degrading a patch takes about as long as a training step, so each patch serves many crops: at any time
samples draw from a pool of patches, into which new ones come as old ones leave. The pool is a matter of
numbers only (which patches may sample i draw from?), and every patch is a function of its own number. So
there is nothing to remember for a run to be resumed, or to be divided among processes.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.config import DataConfig
from training.data.photographs import Photograph, set_of
from training.data.samples import Pair, crop_pair, lanes, padded
from training.degradation.sample import DegradationConfig, degrade, draw, draw_kind

MARGIN_PX = 32
"""Cut off after degrading: what moves in over the border of a patch is not what a real camera would see."""

# Decoding a photograph takes about as long as degrading a patch of it.
_PATCHES_PER_READ = 4
# Apart in the seeds of random generators.
_SAMPLES, _READS = 0, 1


class PatchSource:
    """Endless samples: crops of degraded patches of photographs; see `Source`.

    Each lane has its own row of reads, a read being one photograph with four patches of it. Sample i, the
    v-th of its lane, draws a patch from the last `window` reads up to number v / (4 * reuse): so a patch
    serves `reuse` crops on average, spread over as many samples as the pool makes, and the lanes together
    draw from `pool` patches.

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
        self._photographs, self._data, self._degradation = photographs, data, degradation
        self._seed, self._lanes = seed, lanes(batch)
        self._window = max(1, round(data.pool / (self._lanes * _PATCHES_PER_READ)))
        weights = np.array([set_of(photograph, data.sets).weight for photograph in photographs])
        self._chances = weights / weights.sum()
        self._made: dict[int, dict[int, list[Pair]]] = {}

    def __len__(self) -> int:
        return 0

    def sample(self, index: int) -> Pair:
        """Sample `index`: uint8 [crop, crop, 3] RGB each; raises InputError for an unreadable photograph."""
        visit, lane = divmod(index, self._lanes)
        newest = visit // (_PATCHES_PER_READ * self._data.reuse)
        reads = range(max(0, newest - self._window + 1), newest + 1)
        rng = np.random.default_rng([self._seed, _SAMPLES, index])
        read = int(rng.integers(reads.start, reads.stop))
        patch = self._patches(lane, read, reads)[rng.integers(_PATCHES_PER_READ)]
        return crop_pair(patch, self._data.crop_px, rng, flips=self._data.flips, turns=self._data.turns)

    def _patches(self, lane: int, read: int, reads: range) -> list[Pair]:
        made = self._made.setdefault(lane, {})
        if read not in made:
            for gone in made.keys() - set(reads):
                del made[gone]
            made[read] = self._make(lane, read)
        return made[read]

    def _make(self, lane: int, read: int) -> list[Pair]:
        rng = np.random.default_rng([self._seed, _READS, lane, read])
        image = self._photographs[rng.choice(len(self._photographs), p=self._chances)].read()
        return [
            make_pair(image, draw_kind(self._degradation, rng), self._data, self._degradation, rng)
            for _ in range(_PATCHES_PER_READ)
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
    sharp = _cut(_scaled(image, size, data.smallest_scale, rng), size, rng)
    degraded = degrade(sharp, draw(degradation, kind, size, size, rng))
    inner = slice(MARGIN_PX, -MARGIN_PX)
    return np.ascontiguousarray(degraded[inner, inner]), np.ascontiguousarray(sharp[inner, inner])


def _scaled(
    image: NDArray[np.uint8], size: int, smallest_scale: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The photograph at a random smaller scale, which also makes soft photographs sharp."""
    least = min(1.0, max(smallest_scale, size / min(image.shape[:2])))
    scale = rng.uniform(least, 1.0)
    return (
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 0.98 else image
    )


def _cut(image: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    image = padded(image, size)
    top, left = (rng.integers(side - size + 1) for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + size, left : left + size])
