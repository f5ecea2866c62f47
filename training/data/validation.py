"""What a run measures itself on: pairs of the images that it holds out, the same at every time."""

from collections.abc import Sequence

import numpy as np

from training.config.run import TrainConfig
from training.data.layouts.named_pairs import NamedPair
from training.data.patch_source import make_pair
from training.data.photographs import Photograph
from training.data.samples import Pair, padded
from training.data.spread import spread


def degraded_patches(photographs: Sequence[Photograph], config: TrainConfig) -> dict[str, list[Pair]]:
    """Patches of each kind, the same for every run of this configuration, spread over the photographs."""
    count = config.validation.patches
    pairs: dict[str, list[Pair]] = {kind: [] for kind in config.validation.kinds}
    for index, position in enumerate(spread(count, len(photographs))):
        image = photographs[position].read()
        for kind, drawn in pairs.items():
            rng = np.random.default_rng([config.seed, index])
            drawn.append(make_pair(image, kind, config.data, config.degradation, rng))
    return pairs


def middles(pairs: Sequence[NamedPair], count: int, size: int) -> list[Pair]:
    """Square crops out of the middle of `count` pairs, spread over all, for measuring along the way.

    Each is uint8 [size, size, 3] RGB, padded by reflection where the images are smaller.
    """
    chosen = spread(min(count, len(pairs)), len(pairs))
    return [_middle(pairs[index].read(), size) for index in chosen]


def _middle(pair: Pair, size: int) -> Pair:
    degraded, sharp = (padded(image, size) for image in pair)
    top, left = ((side - size) // 2 for side in degraded.shape[:2])
    part = slice(top, top + size), slice(left, left + size)
    return np.ascontiguousarray(degraded[part]), np.ascontiguousarray(sharp[part])
