"""Sharp photographs from any folders, tars, videos or bags, and which of them are held out."""

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from restore_node.common.errors import ConfigError, InputError
from restore_node.common.image_files import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    decode_rgb,
    images_under,
    is_hidden,
    is_image,
    read_rgb,
)
from training.config.data import DataSet
from training.data.bag_frames import bag_frames, is_bag
from training.data.contents import Extent, Stored
from training.data.video_frames import video_frames

OTHER = DataSet(name='other', files='*', terms='not stated')


class Named(Protocol):
    """What globs choose."""

    @property
    def name(self) -> str:
        """Path inside its root, with forward slashes; frames are `FILE#000123`."""


Chosen = TypeVar('Chosen', bound=Named)


class Photograph(Stored, Protocol):
    """One sharp photograph, or frame of a camera."""

    def read(self) -> NDArray[np.uint8]:
        """The pixels: uint8 [H, W, 3] RGB, 0..255. Raises InputError when they cannot be read."""


@runtime_checkable
class CameraFrame(Photograph, Protocol):
    """A photograph with others right behind it: frames of a video or bag."""

    def read_on(self, count: int) -> list[NDArray[np.uint8]]:
        """This frame and those that follow, `count` in all or fewer at the end; as `read`."""


@dataclass(frozen=True)
class FilePhotograph:
    """An image file `name` under the folder `root`."""

    root: Path
    name: str

    @property
    def extents(self) -> tuple[Extent, ...]:
        """See `Stored`."""
        return (Extent(self.root / self.name),)

    def read(self) -> NDArray[np.uint8]:
        """See `Photograph`."""
        return read_rgb(self.root / self.name)


@dataclass(frozen=True)
class TarPhotograph:
    """An image file `name` in the tar `root`, where its bytes begin at `offset`."""

    root: Path
    name: str
    offset: int
    length: int

    @property
    def extents(self) -> tuple[Extent, ...]:
        """See `Stored`."""
        return (Extent(self.root, self.offset, self.length),)

    def read(self) -> NDArray[np.uint8]:
        """See `Photograph`."""
        try:
            with self.root.open('rb') as tar:
                tar.seek(self.offset)
                data = tar.read(self.length)
        except OSError as error:
            raise InputError(f'cannot read {self.root}', seen=error) from error
        return decode_rgb(data, f'{self.root}/{self.name}')


def find_photographs(roots: Sequence[str], frame_stride: int = 1) -> list[Photograph]:
    """All photographs under the roots, sorted by name, the same on every machine.

    Args:
        roots: folders (searched recursively) and uncompressed tars of images, videos, rosbag2 bags.
        frame_stride: every n-th frame of a video or of a bag's image topics counts.

    Raises:
        ConfigError: a root is missing or of no known kind, or nothing was found.
        RestoreError: a video or bag that cannot be read.
    """
    found = [photograph for root in roots for photograph in _under(Path(root), frame_stride)]
    if not found:
        raise ConfigError(
            'roots',
            seen=f'no photographs under {", ".join(roots)}',
            wanted=' '.join(sorted(IMAGE_SUFFIXES)),
        )
    return sorted(found, key=lambda photograph: photograph.name)


def hold_out(images: Sequence[Chosen], globs: Sequence[str]) -> tuple[list[Chosen], list[Chosen]]:
    """What to train on, and what the globs hold out of it; raises ConfigError where one side is empty."""
    kept = [image for image in images if not matches(image.name, globs)]
    out = [image for image in images if matches(image.name, globs)]
    if not out or not kept:
        raise ConfigError(
            'held_out',
            seen=f'{list(globs)}, which matches {len(out)} of {len(images)}, named like {images[0].name}',
            wanted='globs that match some but not all of them',
        )
    return kept, out


def set_of(photograph: Photograph, sets: Sequence[DataSet]) -> DataSet:
    """The set a photograph belongs to."""
    return next((candidate for candidate in sets if fnmatchcase(photograph.name, candidate.files)), OTHER)


def data_list(photographs: Sequence[Photograph], sets: Sequence[DataSet]) -> list[dict[str, object]]:
    """What a model card lists: name, images and terms of every set that has photographs here."""
    counts: dict[DataSet, int] = {}
    for photograph in photographs:
        origin = set_of(photograph, sets)
        counts[origin] = counts.get(origin, 0) + 1
    return [{'name': origin.name, 'images': count, 'terms': origin.terms} for origin, count in counts.items()]


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether one of the globs matches; `*` matches `/` too."""
    return any(fnmatchcase(name, glob) for glob in globs)


def _under(root: Path, frame_stride: int) -> Sequence[Photograph]:
    if is_bag(root):
        return bag_frames(root, frame_stride)
    if root.is_dir():
        return [FilePhotograph(root, path.relative_to(root).as_posix()) for path in images_under(root)]
    if root.suffix.lower() in VIDEO_SUFFIXES:
        return video_frames(root, frame_stride)
    if root.is_file():
        return _in_tar(root)
    raise ConfigError(
        'data.roots',
        seen=f'{root}, which does not exist',
        wanted='folders or tars of photographs, videos, rosbag2 bags',
    )


def _is_hidden(name: str) -> bool:
    """Whether a tar's member lies in a hidden folder; `./` before its name is none."""
    return any(is_hidden(part) for part in Path(name).parts[:-1])


def _in_tar(path: Path) -> list[TarPhotograph]:
    try:
        with tarfile.open(path, 'r:') as tar:
            return [
                TarPhotograph(path, member.name, member.offset_data, member.size)
                for member in tar
                if member.isfile() and is_image(Path(member.name)) and not _is_hidden(member.name)
            ]
    except (OSError, tarfile.TarError) as error:
        raise ConfigError(
            'roots',
            seen=f'{path}: {error}',
            wanted='a folder, an uncompressed tar, a video or a rosbag2 bag',
        ) from error
