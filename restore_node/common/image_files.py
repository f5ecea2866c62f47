"""Image files: which they are, and their pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from restore_node.common.errors import InputError

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mkv', '.mov', '.m4v', '.webm', '.mpg', '.mpeg')


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its suffix; files hidden by a leading dot are not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith('.')


def images_under(folder: Path) -> list[Path]:
    """All image files under a folder, sorted, the same on every machine."""
    return sorted(path for path in folder.rglob('*') if is_image(path) and path.is_file())


def decode_rgb(data: bytes, name: str) -> np.ndarray:
    """Pixels of an image file, uint8 [H, W, 3] RGB, 0..255. Raises InputError, naming it, if it is none."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise InputError(f'{name} is not an image', fix='remove or replace it')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_rgb(path: Path) -> np.ndarray:
    """Read an image file: uint8 [H, W, 3] RGB, 0..255. Raises InputError if it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f'cannot read {path}', seen=error) from error
    return decode_rgb(data, str(path))


def write_rgb(path: Path, image: np.ndarray) -> None:
    """Write uint8 [H, W, 3] RGB, 0..255, as the path's suffix says. Raises InputError if it cannot."""
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
        raise InputError(f'cannot write {path}', fix='check permissions and free space')


def encode_png(image: np.ndarray) -> bytes:
    """A PNG file of uint8 [H, W, 3] RGB, 0..255."""
    return cv2.imencode('.png', cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
