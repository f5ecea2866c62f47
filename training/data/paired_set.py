"""A paired set opened for training: what is trained on, what is held out, what a model card says of it."""

from collections.abc import Sequence

from training.config.data import PairsConfig
from training.data.layouts.named_pairs import NamedPair
from training.data.layouts.registry import find_pairs, title_of
from training.data.photographs import hold_out


def open_pairs(config: PairsConfig, held_out: Sequence[str] = ()) -> tuple[list[NamedPair], list[NamedPair]]:
    """The pairs to train on, and those held out: by globs, else the set's test pairs.

    Raises:
        ConfigError: a wrong folder (see `find_pairs`), globs that leave one side empty, a set without test
            pairs and no globs.
    """
    pairs = find_pairs(config, 'train')
    if not held_out and config.layout != 'folders':
        return list(pairs), list(find_pairs(config, 'test'))
    return hold_out(pairs, held_out)


def pair_list(pairs: Sequence[NamedPair], config: PairsConfig) -> list[dict[str, object]]:
    """What a model card lists: name, images and terms of the set."""
    return [{'name': title_of(config), 'images': len(pairs), 'terms': config.terms}]
