"""RealBlur-J and RealBlur-R (Rim et al. 2020): pairs of two cameras behind one lens, named by list files."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from restore_node.common.errors import ConfigError
from training.config.data import PairsConfig
from training.data.layouts.named_pairs import FilePair, NamedPair

TREE = 'RealBlur_{kind}_{split}_list.txt, each line `GT BLUR` with paths from that folder'


def find_realblur_j(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs of RealBlur-J, camera JPEGs; see `_listed`."""
    return _listed(root, 'J', split)


def find_realblur_r(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs of RealBlur-R, developed from raw images; see `_listed`."""
    return _listed(root, 'R', split)


def _listed(root: Path, kind: str, split: str) -> list[FilePair]:
    """Pairs `<scene>/blur_N` in the order of the list file; none if there is no list.

    Raises:
        ConfigError: a line that is no pair, or files that the list names and the folder lacks.
    """
    path = root / f'RealBlur_{kind}_{split}_list.txt'
    if not path.is_file():
        return []
    pairs = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 2:
            raise ConfigError(f'{path}, line {number}', seen=line.strip(), wanted='two paths: gt blur')
        sharp, blurred = fields[:2]
        pairs.append(FilePair(_name(blurred), root / blurred, root / sharp))
    missing = [file for pair in pairs for file in (pair.sharp, pair.degraded) if not file.is_file()]
    if missing:
        raise ConfigError(
            f'files that {path} names are missing',
            seen=f'{len(missing)} of {2 * len(pairs)}, first {missing[0]}',
            wanted='the list files beside the folders that they name',
            fix=f'unpack the images of RealBlur-{kind} into {root}',
        )
    return pairs


def _name(blurred: str) -> str:
    """`scene230/blur_7` from `RealBlur-J_.../scene230/blur/blur_7.png`."""
    parts = PurePosixPath(blurred).with_suffix('').parts
    return '/'.join(part for part in parts[-3:] if part != 'blur')
