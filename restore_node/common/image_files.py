"""Image files: which they are, and their pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from restore_node.common.errors import InputError

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mkv', '.mov', '.m4v', '.webm', '.mpg', '.mpeg')

_LEFT_BY_TOOLS = ('@eaDir', '__MACOSX')


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or left by a tool beside the data.

    Those are names with a leading dot (`.ipynb_checkpoints`, `._0001.png`), a Synology's thumbnails and what
    a Mac puts into archives.
    """
    return name.startswith('.') or name in _LEFT_BY_TOOLS


def is_image(path: Path) -> bool:
    """Whether a name is that of an image, by its suffix; hidden ones are not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden(path.name)


def files_under(folder: Path) -> Iterator[Path]:
    """All files under a folder, in no order, through linked folders too; nothing that is hidden.

    A folder that is reached twice (a link back to where it lies) is entered once.
    """
    entered = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        known = os.stat(place)
        if (known.st_dev, known.st_ino) in entered:
            folders.clear()
            continue
        entered.add((known.st_dev, known.st_ino))
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        yield from (Path(place, name) for name in files if not is_hidden(name))


def images_under(folder: Path) -> list[Path]:
    """All image files under a folder, see `files_under`, sorted, the same on every machine."""
    return sorted(path for path in files_under(folder) if is_image(path) and path.is_file())


def decode_rgb(data: bytes, name: str) -> np.ndarray:
    """Pixels of an image file, uint8 [H, W, 3] RGB, 0..255. Raises InputError, naming it, if it is none."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise InputError(f'{name} is not an image', fix='remove or replace it')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_file(path: Path) -> bytes:
    """Return what is in a file. Raises InputError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f'cannot read {path}', seen=error.strerror, fix='check the path') from error


def read_rgb(path: Path) -> np.ndarray:
    """Read an image file: uint8 [H, W, 3] RGB, 0..255. Raises InputError if it cannot be read."""
    return decode_rgb(read_file(path), str(path))


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 or uint16 [H, W] or [H, W, C] in OpenCV's order, in the format that the path's suffix says.

    Raises:
        InputError: the format is unknown or cannot hold these pixels, or the disk refuses.
    """
    try:
        done = cv2.imwrite(str(path), pixels)
    except cv2.error as error:
        raise InputError(f'cannot write {path.name}', seen=error, wanted=' '.join(IMAGE_SUFFIXES)) from error
    if not done:
        raise InputError(f'cannot write {path}', fix='check permissions and free space')


def write_rgb(path: Path, image: np.ndarray) -> None:
    """Write uint8 [H, W, 3] RGB, 0..255; errors as `write_image`."""
    write_image(path, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def encode_png(image: np.ndarray) -> bytes:
    """A PNG file of uint8 [H, W, 3] RGB, 0..255."""
    return cv2.imencode('.png', cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
