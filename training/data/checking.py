"""What is wrong with a run's images: looked for before hours are spent, all of it at once."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from restore_node.common.errors import InputError, RestoreError
from restore_node.common.image_files import IMAGE_SUFFIXES, is_hidden
from training.data.bag_frames import BagFrame
from training.data.layouts.named_pairs import NamedPair, shown_size
from training.data.sequences import FolderFrame
from training.data.stored import Extent, Photograph
from training.data.video_frames import VideoFrame

Readable = Photograph | NamedPair

_READERS = 8
_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
# What a complete file has within its last bytes; cameras write a little behind it.
_ENDS = {'JPEG': b'\xff\xd9', 'MPO': b'\xff\xd9', 'PNG': b'IEND'}
_TAIL = 4096
# An exposure takes frames behind the one that it begins at, so many at most.
_EXPOSURE_REACH = 64


@dataclass(frozen=True)
class Problem:
    """One image that cannot be used as it is: its name, and what is wrong with it."""

    name: str
    what: str

    def __str__(self) -> str:
        return f'{self.name}: {self.what}'


def look_at_headers(images: Sequence[Readable]) -> list[Problem]:
    """The images whose files are missing, no images or cut off, from their headers: the fast part."""
    return _problems(images, _header_problem)


def look_at_pixels(images: Sequence[Readable], tick: Callable[[], object] = lambda: None) -> list[Problem]:
    """The images that cannot be decoded, or are cut off; pairs whose halves differ in size. Reads everything.

    `tick` is called after every image.
    """

    def problem(image: Readable) -> str | None:
        found = _header_problem(image)
        try:
            if found is None:
                image.read()
        except RestoreError as error:
            found = str(error)
        tick()
        return found

    return _problems(images, problem)


def without(images: Sequence[Any], problems: Iterable[Problem]) -> list[Any]:
    """The images without a problem; of sequences also without the exposures that a bad frame is part of."""
    bad = {problem.name for problem in problems}
    reached = {
        (image.folder, number)
        for image in images
        if isinstance(image, FolderFrame) and image.name in bad
        for number in range(image.number - _EXPOSURE_REACH, image.number + 1)
    }
    return [
        image
        for image in images
        if image.name not in bad
        and not (isinstance(image, FolderFrame) and (image.folder, image.number) in reached)
    ]


def ignored_under(folder: Path) -> Counter[str]:
    """What lies under a folder and is no data, by kind: how many."""
    ignored: Counter[str] = Counter()
    for place, folders, names in os.walk(folder):
        hidden = any(is_hidden(part) for part in Path(place).relative_to(folder).parts)
        for name in folders:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES:
                ignored['folders called like images'] += 1
        for name in names:
            if Path(name).suffix.lower() not in IMAGE_SUFFIXES:
                ignored['files that are no images'] += not (hidden or is_hidden(name))
            elif hidden or is_hidden(name):
                ignored['hidden images'] += 1
            elif not Path(place, name).is_file():
                ignored['links to nowhere'] += 1
    return +ignored


def _problems(images: Sequence[Readable], look: Callable[[Readable], str | None]) -> list[Problem]:
    with ThreadPoolExecutor(_READERS) as readers:
        return [
            Problem(image.name, what)
            for image, what in zip(images, readers.map(look, images), strict=True)
            if what is not None
        ]


def _header_problem(image: Readable) -> str | None:
    # Frames of a video or bag have none.
    extents = () if isinstance(image, VideoFrame | BagFrame) else image.extents
    try:
        headers = [read_header(extent) for extent in extents]
    except InputError as error:
        return str(error)
    if any(header.ends_early for header in headers):
        return 'is cut off: the file ends before the picture does'
    sizes = [header.size for header in headers]
    if len(set(sizes)) > 1:
        return f'is {" and ".join(map(shown_size, sizes))}, want one size within a pair'
    return None


class FileHeader(NamedTuple):
    """An image's height and width in pixels, as every reader here shows it: turned as its EXIF data say.

    A file that ends early is cut off; decoders fill the rest with grey and say nothing.
    """

    size: tuple[int, int]
    ends_early: bool


def read_header(extent: Extent) -> FileHeader:
    """An image's header. Raises InputError, naming its file, where it cannot be read or is no image."""
    try:
        with extent.path.open('rb') as file:
            if extent.length is None:
                return _read(file, str(extent.path))
            # Inside a tar.
            file.seek(extent.offset)
            return _read(BytesIO(file.read(extent.length)), f'an image in {extent.path}')
    except OSError as error:
        raise InputError(f'cannot read {extent.path}', seen=error) from error


def _read(file: BinaryIO, name: str) -> FileHeader:
    try:
        with Image.open(file) as image:
            width, height = image.size
            end = _ENDS.get(image.format or '')
            if _orientation(image) in _ON_ITS_SIDE:
                width, height = height, width
            length = file.seek(0, 2)
            file.seek(max(0, length - _TAIL))
            return FileHeader((height, width), end is not None and end not in file.read())
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f'{name} is not an image', seen=error, fix='remove or replace it') from error


def _orientation(image: Image.Image) -> int | None:
    # `getexif` decodes a whole PNG to look for what may stand at its end.
    stated = image.info.get('exif')
    if stated is None:
        return None
    exif = Image.Exif()
    exif.load(stated)
    return exif.get(_ORIENTATION)
