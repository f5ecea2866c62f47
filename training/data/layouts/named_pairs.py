"""A pair of images on disk, and what every layout asks of the files it finds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from restore_node.common.errors import ConfigError, InputError
from restore_node.common.image_files import images_under, is_image, read_rgb
from training.data.image_headers import read_header
from training.data.samples import Pair
from training.data.stored import Extent, Stored

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
    degraded: Mapping[str, Path],
    sharp: Mapping[str, Path],
    where: Path,
    truth_of: Callable[[str], str] = str,
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


def check_sizes(pairs: Sequence[NamedPair], where: Path) -> None:
    """Raise ConfigError for pairs of unequal size, as far as the files' headers say it."""
    odd = []
    for pair in pairs:
        if isinstance(pair, FilePair):
            degraded, sharp = _size_of(pair.degraded), _size_of(pair.sharp)
            if degraded and sharp and degraded != sharp:
                odd.append(f'{pair.name}: {shown_size(degraded)} degraded, {shown_size(sharp)} sharp')
    if odd:
        raise ConfigError(
            f'{where} has pairs of unequal size',
            seen=f'{len(odd)} of {len(pairs)}, first {odd[0]}',
            wanted='one size within a pair',
        )


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


def _size_of(path: Path) -> tuple[int, int] | None:
    """Height and width that an image file states, as it is shown; None where it states none."""
    try:
        return read_header(Extent(path)).size
    except InputError:
        return None
