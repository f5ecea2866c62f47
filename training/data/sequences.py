"""Consecutive frames of one camera: folders of images, videos and bags."""

from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from itertools import groupby
from pathlib import Path

from restore_node.common.errors import ConfigError
from restore_node.common.image_files import VIDEO_SUFFIXES, images_under, read_rgb
from training.data.bag_frames import bag_frames, is_bag
from training.data.samples import Image
from training.data.stored import CameraFrame, Extent
from training.data.video_frames import video_frames

SHORTEST = 3
"""Frames that the shortest exposure takes; the middle one is the truth."""


@dataclass(frozen=True)
class FolderFrame(CameraFrame):
    """Frame `number` of a folder whose `files`, by the order of their names, are those of one camera."""

    folder: Path
    sequence: str
    files: tuple[str, ...]
    number: int

    @property
    def name(self) -> str:
        """As globs see it: `SEQUENCE/FILE`."""
        return f'{self.sequence}/{self.files[self.number]}'

    @property
    def extents(self) -> tuple[Extent, ...]:
        """See `Stored`."""
        return (Extent(self.folder / self.files[self.number]),)

    def read_on(self, count: int) -> list[Image]:
        """See `CameraFrame`."""
        return [read_rgb(self.folder / file) for file in self.files[self.number : self.number + count]]


def find_sequences(roots: Sequence[str], frame_stride: int = 1) -> list[CameraFrame]:
    """Every n-th frame of all sequences that has enough others behind it for an exposure, sorted by name.

    Roots are folders, or globs of them, of which every one that holds images is a sequence; videos; bags,
    whose image topics are a sequence each. Raises ConfigError where one is missing, or no sequence has
    `SHORTEST` frames, and RestoreError for a video or bag that cannot be read.
    """
    places = [path for root in roots for path in _matching(root)]
    found = [
        frame
        for path in places
        for frames in _under(path)
        for frame in frames[: max(0, len(frames) - SHORTEST + 1) : frame_stride]
    ]
    if not found:
        raise ConfigError(
            'sequences',
            seen=f'no {SHORTEST} frames in a row under {", ".join(roots)}',
            wanted='folders of consecutive frames, videos or bags',
        )
    return sorted(found, key=lambda frame: frame.name)


def _matching(root: str) -> list[Path]:
    if has_magic(root) and not Path(root).exists():
        return [Path(path) for path in sorted(glob(root))]
    return [Path(root)]


def _under(root: Path) -> list[Sequence[CameraFrame]]:
    if is_bag(root):
        frames = sorted(bag_frames(root, 1), key=lambda frame: frame.name)
        return [list(topic) for _, topic in groupby(frames, key=lambda frame: frame.topic)]
    if root.is_dir():
        by_folder = groupby(images_under(root), key=lambda path: path.parent)
        return [_frames(root, folder, sorted(path.name for path in paths)) for folder, paths in by_folder]
    if root.suffix.lower() in VIDEO_SUFFIXES:
        return [video_frames(root, 1)]
    raise ConfigError(
        'sequences', seen=f'{root}, which is none', wanted='folders of consecutive frames, videos or bags'
    )


def _frames(root: Path, folder: Path, files: Sequence[str]) -> list[FolderFrame]:
    name = root.name if folder == root else folder.relative_to(root).as_posix()
    return [FolderFrame(folder, name, tuple(files), number) for number in range(len(files))]
