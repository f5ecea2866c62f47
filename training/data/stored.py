"""What images on disk have in common, wherever they lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from restore_node.common.errors import InputError
from training.data.samples import Image


class Extent(NamedTuple):
    """A part of a file: `length` bytes from `offset` on, to its end where no length is given."""

    path: Path
    offset: int = 0
    length: int | None = None

    def read(self) -> bytes:
        """The bytes; raises InputError where they cannot be read."""
        try:
            with self.path.open('rb') as file:
                file.seek(self.offset)
                return file.read(-1 if self.length is None else self.length)
        except OSError as error:
            raise InputError(f'cannot read {self.path}', seen=error) from error


class Stored(Protocol):
    """An image or pair that can say where its bytes lie."""

    @property
    def name(self) -> str:
        """Its own within a set, what globs choose by: a path with forward slashes."""

    @property
    def extents(self) -> Sequence[Extent]:
        """What it is read from."""


class Photograph(Stored, Protocol):
    """One sharp photograph, or frame of a camera."""

    def read(self) -> Image:
        """The pixels: uint8 [H, W, 3] RGB, 0..255. Raises RestoreError where they cannot be read."""


@runtime_checkable
class CameraFrame(Photograph, Protocol):
    """A photograph with others right behind it: a frame of a video, a bag or a folder of frames."""

    def read(self) -> Image:
        """See `Photograph`."""
        return self.read_on(1)[0]

    def read_on(self, count: int) -> list[Image]:
        """This frame and those that follow, `count` in all or fewer at the end; each as `read`."""
