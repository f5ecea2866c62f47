"""Sharp photographs from any folders, tars, videos or bags, and which of them are held out."""

import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from restore_node.common.errors import ConfigError
from restore_node.common.image_files import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    decode_rgb,
    images_under,
    is_hidden,
    is_image,
)
from training.config.data import DataSet
from training.data.bag_frames import bag_frames, is_bag
from training.data.samples import Image
from training.data.stored import Extent, Photograph, Stored
from training.data.video_frames import video_frames

OTHER = DataSet(name='other', files='*', terms='not stated')


Chosen = TypeVar('Chosen', bound=Stored)


@dataclass(frozen=True)
class StoredPhotograph:
    """An image in a file of its own or inside a tar, its one extent; `name` is its path in folder or tar."""

    name: str
    extents: tuple[Extent]

    def read(self) -> Image:
        """See `Photograph`."""
        (extent,) = self.extents
        place = extent.path if extent.length is None else extent.path / self.name
        return decode_rgb(extent.read(), str(place))


def find_photographs(roots: Sequence[str], frame_stride: int = 1) -> list[Photograph]:
    """All photographs under the roots, sorted by name, the same on every machine.

    Roots are folders (searched recursively) and uncompressed tars of images, videos and rosbag2 bags, of
    which every n-th frame counts. Raises ConfigError where a root is missing or of no known kind, or nothing
    was found, and RestoreError for a video or bag that cannot be read.
    """
    found = [photograph for root in roots for photograph in _under(Path(root), frame_stride)]
    if not found:
        raise ConfigError(
            'roots', seen=f'no photographs under {", ".join(roots)}', wanted=' '.join(sorted(IMAGE_SUFFIXES))
        )
    return sorted(found, key=lambda photograph: photograph.name)


def hold_out(images: Sequence[Chosen], globs: Sequence[str]) -> tuple[list[Chosen], list[Chosen]]:
    """What to train on, and what the globs hold out of it; raises ConfigError where one side is empty."""
    kept: list[Chosen] = []
    out: list[Chosen] = []
    for image in images:
        # `*` matches `/` too.
        (out if any(fnmatchcase(image.name, glob) for glob in globs) else kept).append(image)
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
    counts = Counter(set_of(photograph, sets) for photograph in photographs)
    return [{'name': origin.name, 'images': count, 'terms': origin.terms} for origin, count in counts.items()]


def _under(root: Path, frame_stride: int) -> Sequence[Photograph]:
    if is_bag(root):
        return bag_frames(root, frame_stride)
    if root.is_dir():
        return [
            StoredPhotograph(path.relative_to(root).as_posix(), (Extent(path),))
            for path in images_under(root)
        ]
    if root.suffix.lower() in VIDEO_SUFFIXES:
        return video_frames(root, frame_stride)
    if root.is_file():
        return _in_tar(root)
    raise ConfigError(
        'data.roots',
        seen=f'{root}, which does not exist',
        wanted='folders or tars of photographs, videos, rosbag2 bags',
    )


def _in_tar(path: Path) -> list[StoredPhotograph]:
    try:
        with tarfile.open(path, 'r:') as tar:
            return [
                StoredPhotograph(member.name, (Extent(path, member.offset_data, member.size),))
                for member in tar
                if member.isfile()
                and is_image(Path(member.name))
                # `./` before a name is no hidden folder.
                and not any(is_hidden(part) for part in Path(member.name).parts[:-1])
            ]
    except (OSError, tarfile.TarError) as error:
        raise ConfigError(
            'roots', seen=f'{path}: {error}', wanted='a folder, an uncompressed tar, a video or a rosbag2 bag'
        ) from error
