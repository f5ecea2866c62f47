"""A paired set opened for training: what is trained on, what is held apart, what a model card says of it."""

from collections.abc import Sequence

import numpy as np

from restore_node.errors import ConfigError
from training.data.config import PairsConfig
from training.data.layouts.pairs import NamedPair
from training.data.layouts.registry import find_pairs, title_of
from training.data.photographs import matches
from training.data.samples import Pair, padded


def open_pairs(
    config: PairsConfig, held_apart: Sequence[str] = ()
) -> tuple[list[NamedPair], list[NamedPair]]:
    """The pairs to train on, and those held apart: by globs, else the set's test pairs.

    Raises:
        ConfigError: a wrong folder (see `find_pairs`), globs that leave one side empty, a set without test
            pairs and no globs.
    """
    pairs = find_pairs(config, 'train')
    if not held_apart and config.layout != 'folders':
        return list(pairs), list(find_pairs(config, 'test'))
    apart = [pair for pair in pairs if matches(pair.name, held_apart)]
    kept = [pair for pair in pairs if not matches(pair.name, held_apart)]
    if not apart or not kept:
        raise ConfigError(
            'data.held_apart',
            seen=f'{len(apart)} of {len(pairs)} pairs, named like {pairs[0].name}',
            wanted='some but not all of them',
        )
    return kept, apart


def pair_list(pairs: Sequence[NamedPair], config: PairsConfig) -> list[dict[str, object]]:
    """What a model card lists: name, images and terms of the set."""
    return [{'name': title_of(config), 'images': len(pairs), 'terms': config.terms}]


def middles(pairs: Sequence[NamedPair], count: int, size: int) -> list[Pair]:
    """Square crops out of the middle of `count` pairs, spread over all, for measuring along the way.

    Each is uint8 [size, size, 3] RGB, padded by reflection where the images are smaller.
    """
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int))
    return [_middle(pairs[index].read(), size) for index in chosen]


def _middle(pair: Pair, size: int) -> Pair:
    degraded, sharp = (padded(image, size) for image in pair)
    top, left = ((side - size) // 2 for side in degraded.shape[:2])
    part = slice(top, top + size), slice(left, left + size)
    return np.ascontiguousarray(degraded[part]), np.ascontiguousarray(sharp[part])
