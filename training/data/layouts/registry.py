"""All layouts by name, and how a paired set is opened."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from restore_node.common.errors import ConfigError
from training.config.data import LayoutName, PairsConfig
from training.data.layouts import (
    did_mdn,
    folders,
    gopro,
    rain,
    rain1400,
    raindrop,
    realblur,
    reds,
    spa,
    suffixes,
)
from training.data.layouts.named_pairs import NamedPair, check_sizes, contents

log = logging.getLogger('training')

Split = Literal['train', 'test']


@dataclass(frozen=True)
class Layout:
    """How a set is published.

    Attributes:
        title: the set's name, as tables and model cards print it.
        tree: what its folder looks like, for people.
        find: pairs of a split under a folder, in order; none where the folder does not look like this.
        published: pairs of each split, where that is known.
    """

    title: str
    tree: str
    find: Callable[[Path, PairsConfig, str], Sequence[NamedPair]]
    published: Mapping[str, int] = field(default_factory=dict)


def _rain100(kind: Literal['H', 'L'], find: Callable, train: int) -> Layout:
    own = rain.RAIN100_FOLDERS[kind]
    tree = rain.RAIN100_TREE.replace('{own}', f'{own["train"][1]}, {own["test"][1]}')
    return Layout(f'Rain100{kind}', tree, find, {'train': train, 'test': 100})


def _realblur(kind: Literal['J', 'R'], find: Callable) -> Layout:
    tree = realblur.TREE.replace('{kind}', kind)
    return Layout(f'RealBlur-{kind}', tree, find, {'train': 3758, 'test': 980})


LAYOUTS: dict[LayoutName, Layout] = {
    'gopro': Layout('GOPRO_Large', gopro.TREE, gopro.find_gopro, {'train': 2103, 'test': 1111}),
    'realblur_j': _realblur('J', realblur.find_realblur_j),
    'realblur_r': _realblur('R', realblur.find_realblur_r),
    'rain800': Layout('Rain800', rain.RAIN800_TREE, rain.find_rain800, {'train': 700, 'test': 100}),
    'rain100h': _rain100('H', rain.find_rain100h, 1800),
    'rain100l': _rain100('L', rain.find_rain100l, 200),
    'rain1400': Layout('Rain1400', rain1400.TREE, rain1400.find_rain1400, {'train': 12_600, 'test': 1_400}),
    'did_mdn': Layout(
        'Rain1200 (DID-MDN)', did_mdn.TREE, did_mdn.find_did_mdn, {'train': 12_000, 'test': 1_200}
    ),
    'spa': Layout('SPA-Data', spa.TREE, spa.find_spa, {'test': 1_000}),
    'raindrop': Layout(
        'raindrops of AGAN', raindrop.TREE, raindrop.find_raindrop, {'train': 861, 'test': 58}
    ),
    'reds': Layout('REDS', reds.TREE, reds.find_reds, {'train': 24_000, 'test': 3_000}),
    'folders': Layout('pairs of folders', folders.TREE, folders.find_folders),
    'suffixes': Layout('pairs by their endings', suffixes.TREE, suffixes.find_suffixes),
}
"""By the names of `PairsConfig.layout`. A new layout is one file and one line here."""


def title_of(config: PairsConfig) -> str:
    """The set's name; for GOPRO_Large with the response that its blur was made with."""
    title = LAYOUTS[config.layout].title
    return f'{title} ({config.variant})' if config.layout == 'gopro' else title


def find_pairs(config: PairsConfig, split: Split) -> Sequence[NamedPair]:
    """The pairs of a split in the set's order; nothing but headers is read yet.

    A number of pairs other than the published one is logged as a warning.

    Raises:
        ConfigError: a folder of another layout, images without a partner, missing files, unequal sizes.
    """
    layout, root = LAYOUTS[config.layout], Path(config.root)
    pairs = layout.find(root, config, split)
    if not pairs:
        raise _wrong_folder(layout, root, config, split)
    check_sizes(pairs, root)
    published = layout.published.get(split)
    if published not in (None, len(pairs)):
        log.warning('%s, %s: %d pairs, %d are published', title_of(config), split, len(pairs), published)
    return pairs


def _wrong_folder(layout: Layout, root: Path, config: PairsConfig, split: Split) -> ConfigError:
    tree = layout.tree.format(split=split, degraded=config.degraded, sharp=config.sharp)
    right = next((place for place in _near(root) if _fits(layout, place, config, split)), None)
    return ConfigError(
        f'no {split} pairs of {layout.title}',
        seen=contents(root),
        wanted=tree,
        fix=f'name {right}' if right else 'name the folder that the archive unpacks to',
    )


def _near(root: Path) -> list[Path]:
    """Where people who named the wrong folder meant to point: around it, or right inside."""
    inside = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return [*root.parents[:2], *inside]


def _fits(layout: Layout, root: Path, config: PairsConfig, split: Split) -> bool:
    try:
        return bool(layout.find(root, config, split))
    except ConfigError:
        return True
