"""A paired set opened for training: what is trained on, what is held out, what a model card says of it."""

from collections.abc import Sequence
from pathlib import Path

from training.config.data import OWN_LAYOUTS, PairsConfig
from training.data.layouts.named_pairs import NamedPair
from training.data.layouts.registry import find_pairs, title_of
from training.data.photographs import hold_out
from training.data.scenes import held_out_scenes, scenes_of


def open_pairs(config: PairsConfig) -> tuple[list[NamedPair], list[NamedPair]]:
    """The pairs to train on, and those held out: by globs, by scene, else the set's test pairs.

    Raises ConfigError for a wrong folder (see `find_pairs`) and globs that leave one side empty.
    """
    pairs = find_pairs(config, 'train')
    if config.held_out_scenes:
        return _by_scene(pairs, config)
    if not config.held_out and config.layout not in OWN_LAYOUTS:
        return list(pairs), list(find_pairs(config, 'test'))
    return hold_out(pairs, config.held_out)


def pair_list(pairs: Sequence[NamedPair], config: PairsConfig) -> list[dict[str, object]]:
    """What a model card lists: name, images and terms of the set."""
    return [{'name': title_of(config), 'images': len(pairs), 'terms': config.terms}]


def _by_scene(pairs: Sequence[NamedPair], config: PairsConfig) -> tuple[list[NamedPair], list[NamedPair]]:
    scenes = scenes_of(pairs, Path(config.root))
    apart = held_out_scenes([pair.name for pair in pairs], scenes, config.held_out_scenes)
    sides: tuple[list[NamedPair], list[NamedPair]] = ([], [])
    for pair, scene in zip(pairs, scenes, strict=True):
        sides[scene in apart].append(pair)
    return sides
