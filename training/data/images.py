"""Image files: which they are, how large, and their pixels."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.common.errors import InputError
from restore_node.messages.compressed import read_size

SUFFIXES = {'.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff'}


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its suffix; files hidden by a leading dot are not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith('.')


def images_under(folder: Path) -> list[Path]:
    """All image files under a folder, sorted, the same on every machine."""
    return sorted(path for path in folder.rglob('*') if is_image(path))


def decode_rgb(data: bytes, name: str) -> NDArray[np.uint8]:
    """Pixels of an image file, uint8 [H, W, 3] RGB, 0..255. Raises InputError, naming it, if it is none."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise InputError(f'{name} is not an image', fix='remove or replace it')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read an image file: uint8 [H, W, 3] RGB, 0..255. Raises InputError if it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f'cannot read {path}', seen=error) from error
    return decode_rgb(data, str(path))


def write_rgb(path: Path, image: NDArray[np.uint8]) -> None:
    """Write uint8 [H, W, 3] RGB, 0..255, as the path's suffix says. Raises InputError if it cannot."""
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
        raise InputError(f'cannot write {path}', fix='check permissions and free space')


def size_of(path: Path) -> tuple[int, int] | None:
    """Height and width that a png or jpeg file states, without decoding it; None for others."""
    try:
        with path.open('rb') as file:
            return read_size(file.read(64 if path.suffix.lower() == '.png' else -1))
    except OSError as error:
        raise InputError(f'cannot read {path}', seen=error) from error
