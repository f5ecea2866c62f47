"""RealBlur-J and RealBlur-R (Rim et al. 2020): pairs of two cameras behind one lens, named by list files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from training.config.data import PairsConfig
from training.data.layouts.list_files import listed
from training.data.layouts.named_pairs import NamedPair

TREE = 'RealBlur_{kind}_{split}_list.txt, each line `GT BLUR` with paths from that folder'


def _find_realblur(kind: str, root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs `<scene>/blur_N` of RealBlur-J (camera JPEGs) or R (developed raw images); see `listed`."""
    path = root / f'RealBlur_{kind}_{split}_list.txt'
    return listed(path, 'two paths: gt blur', _name, sharp_first=True)


find_realblur_j = partial(_find_realblur, 'J')
find_realblur_r = partial(_find_realblur, 'R')


def _name(blurred: str) -> str:
    """`scene230/blur_7` from `RealBlur-J_.../scene230/blur/blur_7.png`."""
    parts = PurePosixPath(blurred).with_suffix('').parts
    return '/'.join(part for part in parts[-3:] if part != 'blur')
