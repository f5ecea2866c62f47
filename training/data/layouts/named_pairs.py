"""A pair of images on disk, what is to be known of a published set of them, and ways to find its pairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from restore_node.common.errors import ConfigError, InputError
from restore_node.common.image_files import images_under, is_image, read_rgb
from training.config.data import PairsConfig
from training.data.samples import Pair
from training.data.stored import Extent, Stored

Split = Literal['train', 'test']

_SHOWN = 6


class NamedPair(Stored, Protocol):
    """A pair that is read when it is asked for; its name has no suffix, and is good for a file name."""

    def read(self) -> Pair:
        """(degraded, sharp): uint8 [H, W, 3] RGB each, of one size. Raises InputError if that cannot be."""


@dataclass(frozen=True)
class FilePair:
    """Two files."""

    name: str
    degraded: Path
    sharp: Path

    @property
    def extents(self) -> tuple[Extent, ...]:
        """See `Stored`."""
        return (Extent(self.degraded), Extent(self.sharp))

    def read(self) -> Pair:
        """See `NamedPair`."""
        degraded, sharp = read_rgb(self.degraded), read_rgb(self.sharp)
        if degraded.shape != sharp.shape:
            raise InputError(
                f'{self.degraded} and {self.sharp} are no pair',
                seen=f'{shown_size(degraded.shape[:2])} and {shown_size(sharp.shape[:2])}',
                wanted='one size',
            )
        return degraded, sharp


@dataclass(frozen=True)
class HalvesPair:
    """One file, the sharp image on one half and the degraded one on the other, by default on the right."""

    name: str
    path: Path
    degraded_left: bool = False

    @property
    def extents(self) -> tuple[Extent, ...]:
        """See `Stored`."""
        return (Extent(self.path),)

    def read(self) -> Pair:
        """See `NamedPair`."""
        both = read_rgb(self.path)
        width = both.shape[1] // 2
        if both.shape[1] % 2:
            raise InputError(
                f'{self.path} is no pair side by side',
                seen=f'{both.shape[1]} columns',
                wanted='an even number',
            )
        halves = both[:, :width], both[:, width:]
        return halves if self.degraded_left else halves[::-1]


@dataclass(frozen=True)
class Layout:
    """How a set is published: its name in tables and model cards, and what its folder looks like, for people.

    `find` gives the pairs of a split under a folder, in order; none where the folder does not look like this.
    It raises ConfigError for what looks like this and is not whole, such as images without a partner.
    `published` is how many pairs each split has, where that is known.
    """

    title: str
    tree: str
    find: Callable[[Path, PairsConfig, Split], Sequence[NamedPair]]
    published: Mapping[str, int] = field(default_factory=dict)


def by_name(folder: Path) -> dict[str, Path]:
    """Image files under a folder by their path in it without suffix. Raises ConfigError for two of a name."""
    named: dict[str, Path] = {}
    for path in images_under(folder):
        name = path.relative_to(folder).with_suffix('').as_posix()
        if name in named:
            raise ConfigError(f'{folder} has two images {name}', seen=f'{named[name].name} and {path.name}')
        named[name] = path
    return named


def match(
    degraded: Mapping[str, Path], sharp: Mapping[str, Path], where: Path, truth_of: Callable[[str], str] = str
) -> list[FilePair]:
    """Pair files by name, in order; raises ConfigError for files without a partner.

    `where` they are is for people. `truth_of` names the sharp image that belongs to a degraded one, by
    default that of its own name; several may share one.
    """
    truths = {name: truth_of(name) for name in degraded}
    alone = [degraded[name] for name, truth in truths.items() if truth not in sharp]
    alone += [sharp[name] for name in sharp.keys() - set(truths.values())]
    if alone:
        example = min(alone)
        shown = example.relative_to(where) if example.is_relative_to(where) else example
        raise ConfigError(
            f'{where} has images without a partner',
            seen=f'{len(alone)}, first {shown}',
            wanted=f'equal names; there are {len(degraded)} degraded and {len(sharp)} sharp ones',
            fix='unpack the set again, or remove what is left over',
        )
    return [FilePair(name, degraded[name], sharp[truths[name]]) for name in sorted(degraded)]


def in_folders(
    places: Sequence[Path], names: Sequence[tuple[str, str]], truth_of: Callable[[str], str] = str
) -> list[FilePair]:
    """Pairs of a folder of degraded and one of sharp images, by `match`.

    They lie in the first of the places that has both, under the first of the names that it has.
    """
    for place in places:
        for degraded, sharp in names:
            if (place / degraded).is_dir() and (place / sharp).is_dir():
                return match(by_name(place / degraded), by_name(place / sharp), place, truth_of)
    return []


def pair_by_suffix(folder: Path, degraded: str, sharp: str) -> list[FilePair]:
    """Pairs under a folder by the endings of their names, in order; other images do not count.

    What stands between the name and its ending (`_`, `-`, a space) does not belong to either. Raises
    ConfigError for images without a partner, or two of a name.
    """
    sides: dict[str, dict[str, Path]] = {degraded: {}, sharp: {}}
    for path in images_under(folder):
        # The longer first: what ends in `norain` ends in `rain`, too.
        ending = next((end for end in sorted(sides, key=len)[::-1] if path.stem.endswith(end)), None)
        if ending is None:
            continue
        name = path.stem.removesuffix(ending).rstrip('_- ')
        if name in sides[ending]:
            raise ConfigError(
                f'{folder} has two images {name} that end in {ending}',
                seen=f'{sides[ending][name].relative_to(folder)} and {path.relative_to(folder)}',
            )
        sides[ending][name] = path
    return match(sides[degraded], sides[sharp], folder)


def listed(
    path: Path, wanted: str, name_of: Callable[[str], str], *, sharp_first: bool = False
) -> list[FilePair]:
    """The pairs of a list file in its order, none without a file; paths are relative to the file's folder.

    `wanted` says what a line holds, for people; `name_of` makes a pair's name of the degraded image's path;
    with `sharp_first` each line names the sharp image first. Lists that passed through Windows have its
    separators and line ends, and a byte-order mark. Raises ConfigError for a line that is no pair, and for
    files that the list names and the folder lacks.
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


def shown_size(size: tuple[int, ...]) -> str:
    """Height and width, for people: `640x360`."""
    return f'{size[1]}x{size[0]}'


def contents(folder: Path) -> str:
    """What a folder holds, in a few words, for people who named the wrong one."""
    if not folder.is_dir():
        return f'{folder}, which is no folder'
    names = sorted(path.name + '/' * path.is_dir() for path in folder.iterdir() if path.name[0] != '.')
    images = sum(is_image(Path(name)) for name in names)
    shown = ', '.join(names[:_SHOWN]) or 'nothing'
    rest = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return f'{folder} with {shown}{rest}' + (f' ({images} images)' if images > 1 else '')
