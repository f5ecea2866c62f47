"""What an image file says of itself without being decoded: its size as shown, and whether it ends early."""

from io import BytesIO
from typing import BinaryIO, NamedTuple

from PIL import Image

from restore_node.common.errors import InputError
from training.data.stored import Extent

_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
# What a complete file has within its last bytes; cameras write a little behind it.
_ENDS = {'JPEG': b'\xff\xd9', 'MPO': b'\xff\xd9', 'PNG': b'IEND'}
_TAIL = 4096


class Header(NamedTuple):
    """What an image's header says.

    Attributes:
        size: height and width in pixels, as every reader here shows it: turned as its EXIF orientation says.
        ends_early: the file is cut off; decoders fill the rest with grey and say nothing.
    """

    size: tuple[int, int]
    ends_early: bool


def read_header(extent: Extent) -> Header:
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


def _read(file: BinaryIO, name: str) -> Header:
    try:
        with Image.open(file) as image:
            width, height = image.size
            end = _ENDS.get(image.format or '')
            if _orientation(image) in _ON_ITS_SIDE:
                width, height = height, width
            length = file.seek(0, 2)
            file.seek(max(0, length - _TAIL))
            return Header((height, width), end is not None and end not in file.read())
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
