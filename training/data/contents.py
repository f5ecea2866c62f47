"""Which images a run has, by content: the same list from any folder, and another one when a file is another.

An image is known by its name and by a digest of the files that it is read from: of each its size, its first
and its last 64 KiB. Looking at whole files would take minutes for a set of gigabytes; compressed files that
differ anywhere differ there, or in size.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from restore_node.common.errors import InputError
from training.data.stored import Extent, Stored

_LOOKED_AT = 1 << 16
_SHOWN = 3


def listing(source: str, use: str, images: Iterable[Stored]) -> list[str]:
    """A line for each image: source, use, name and digest, with tabs in between.

    Raises InputError where a file cannot be read.
    """
    # All frames of a video are read from one file.
    of_extent = cache(_of_extent)
    return [f'{source}\t{use}\t{image.name}\t{_digest(image, of_extent)}' for image in images]


def digest_of(lines: Iterable[str]) -> str:
    """What tells one list of images from another: 64 hex digits, whatever the order."""
    return hashlib.sha256('\n'.join(sorted(lines)).encode()).hexdigest()


def changes(was: Iterable[str], now: Iterable[str]) -> str:
    """How a list differs from an earlier one, in a few words; empty where it does not."""
    before, after = (
        dict(line.replace('\t', ' ', 2).rpartition('\t')[::2] for line in lines) for lines in (was, now)
    )
    found = {
        'gone': [name for name in before if name not in after],
        'new': [name for name in after if name not in before],
        'changed': [name for name in before if name in after and before[name] != after[name]],
    }
    return '; '.join(f'{len(names)} {what}, first {names[0]}' for what, names in found.items() if names)


def overlaps(trained: Mapping[str, Iterable[Stored]], measured: Mapping[str, Iterable[Stored]]) -> list[str]:
    """Images that are trained on and measured on at once, by content, as `TRAINED = MEASURED`.

    Both are images, or pairs, of which one half is enough, by the names of their sources. Raises InputError
    where a file cannot be read.
    """
    of_extent = cache(_of_extent)
    known = {
        part: f'{source}/{image.name}'
        for source, images in trained.items()
        for image in images
        for part in _parts(image, of_extent)
    }
    return [
        f'{known[part]} = {source}/{image.name}'
        for source, images in measured.items()
        for image in images
        for part in [part for part in _parts(image, of_extent) if part in known][:1]
    ]


def some_of(names: Sequence[str]) -> str:
    """The first of many names, and how many there are."""
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return ', '.join(names[:_SHOWN]) + more


def _digest(image: Stored, of_extent: Callable[[Extent], str]) -> str:
    parts = [_number(image), *map(of_extent, image.extents)]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]


def _parts(image: Stored, of_extent: Callable[[Extent], str]) -> list[tuple[str, str]]:
    return [(_number(image), of_extent(extent)) for extent in image.extents]


def _number(image: Stored) -> str:
    """Frames of one video share its bytes, and are told apart by their numbers."""
    return image.name.partition('#')[2]


def _of_extent(extent: Extent) -> str:
    try:
        with extent.path.open('rb') as file:
            length = extent.length if extent.length is not None else extent.path.stat().st_size
            file.seek(extent.offset)
            first = file.read(min(length, _LOOKED_AT))
            file.seek(extent.offset + max(0, length - _LOOKED_AT))
            last = file.read(min(length, _LOOKED_AT))
    except OSError as error:
        raise InputError(f'cannot read {extent.path}', seen=error) from error
    return hashlib.sha256(b'%d\n' % length + first + last).hexdigest()
