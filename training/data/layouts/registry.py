"""All layouts by name, and how a paired set is opened: what is trained on, and what is held out."""

import logging
from collections.abc import Sequence
from pathlib import Path

from restore_node.common.errors import ConfigError
from training.config.data import LayoutName, PairsConfig
from training.data.layouts import blurred, rainy
from training.data.layouts.named_pairs import Layout, NamedPair, Split, contents, in_folders, pair_by_suffix
from training.data.photographs import hold_out
from training.data.scenes import hold_out_scenes

log = logging.getLogger('training')

OWN: dict[LayoutName, Layout] = {
    'folders': Layout(
        'pairs of folders',
        'the folders {degraded} and {sharp} with equal names inside',
        lambda root, config, _split: in_folders([root], [(config.degraded, config.sharp)]),
    ),
    'suffixes': Layout(
        'pairs by their endings',
        'images whose names end in {degraded} and {sharp}, and are equal before that, anywhere in the folder',
        lambda root, config, _split: pair_by_suffix(root, config.degraded, config.sharp),
    ),
}
"""One's own pairs, which `held_out` divides: all of them are found, whatever the split that is asked for."""

LAYOUTS: dict[LayoutName, Layout] = blurred.LAYOUTS | rainy.LAYOUTS | OWN
"""By the names of `PairsConfig.layout`."""


def title_of(config: PairsConfig) -> str:
    """The set's name, of one's own the folder's; of GOPRO_Large with the response that its blur has."""
    if config.layout in OWN:
        return Path(config.root).resolve().name
    title = LAYOUTS[config.layout].title
    return f'{title} ({config.variant})' if config.layout == 'gopro' else title


def find_pairs(config: PairsConfig, split: Split) -> Sequence[NamedPair]:
    """The pairs of a split in the set's order; nothing of them is read yet.

    A number of pairs other than the published one is logged as a warning. Raises ConfigError for a folder of
    another layout, images without a partner, missing files.
    """
    layout, root = LAYOUTS[config.layout], Path(config.root)
    pairs = layout.find(root, config, split)
    if not pairs:
        raise _wrong_folder(layout, root, config, split)
    published = layout.published.get(split)
    if published not in (None, len(pairs)):
        log.warning('%s, %s: %d pairs, %d are published', title_of(config), split, len(pairs), published)
    return pairs


def open_pairs(config: PairsConfig) -> tuple[list[NamedPair], list[NamedPair]]:
    """The pairs to train on, and those held out: by globs, by scene, else the set's test pairs.

    Raises ConfigError for a wrong folder (see `find_pairs`) and globs that leave one side empty.
    """
    pairs = find_pairs(config, 'train')
    if config.held_out_scenes:
        return hold_out_scenes(pairs, Path(config.root), config.held_out_scenes)
    if not config.held_out and config.layout not in OWN:
        return list(pairs), list(find_pairs(config, 'test'))
    return hold_out(pairs, config.held_out)


def _wrong_folder(layout: Layout, root: Path, config: PairsConfig, split: Split) -> ConfigError:
    # Where people who named the wrong folder meant to point: around it, or right inside.
    inside = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    near = (*root.parents[:2], *inside)
    right = next((place for place in near if _fits(layout, place, config, split)), None)
    return ConfigError(
        f'no {split} pairs of {layout.title}',
        seen=contents(root),
        wanted=layout.tree.format(split=split, degraded=config.degraded, sharp=config.sharp),
        fix=f'name {right}' if right else 'name the folder that the archive unpacks to',
    )


def _fits(layout: Layout, root: Path, config: PairsConfig, split: Split) -> bool:
    try:
        return bool(layout.find(root, config, split))
    except ConfigError:
        return True
