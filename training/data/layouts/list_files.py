"""Pairs that a text file lists, one pair a line."""

from collections.abc import Callable
from pathlib import Path

from restore_node.common.errors import ConfigError
from training.data.layouts.named_pairs import FilePair


def listed(
    path: Path, wanted: str, name_of: Callable[[str], str], *, sharp_first: bool = False
) -> list[FilePair]:
    """The pairs of a list file in its order, none without a file; paths are relative to the file's folder.

    Lists that passed through Windows have its separators and line ends, and a byte-order mark. Raises
    ConfigError for a line that is no pair, and for files that the list names and the folder lacks.

    Args:
        wanted: what a line holds, for people.
        name_of: a pair's name, from the degraded image's path.
        sharp_first: each line names the sharp image first.
    """
    if not path.is_file():
        return []
    pairs = []
    for number, line in enumerate(path.read_text(encoding='utf-8-sig').splitlines(), 1):
        # Some lists write paths from the folder as if it were the root of everything.
        fields = [field.lstrip('/') for field in line.replace('\\', '/').split()]
        if not fields:
            continue
        if len(fields) < 2:
            raise ConfigError(f'{path}, line {number}', seen=line.strip(), wanted=wanted)
        sharp, degraded = fields[:2] if sharp_first else fields[1::-1]
        pairs.append(FilePair(name_of(degraded), path.parent / degraded, path.parent / sharp))
    missing = [file for pair in pairs for file in (pair.sharp, pair.degraded) if not file.is_file()]
    if missing:
        raise ConfigError(
            f'files that {path} names are missing',
            seen=f'{len(missing)} of {2 * len(pairs)}, first {missing[0]}',
            wanted='the list files beside the folders that they name',
            fix=f'unpack the images into {path.parent}',
        )
    return pairs
