"""Compressed images, jpeg, png, webp and tiff: what they cost is read before they are decoded.

A few kilobytes can claim a size that would take gigabytes to decode, and OpenCV allocates what is claimed.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import cv2
import numpy as np

_PNG = b'\x89PNG\r\n\x1a\n'
_PNG_COLOUR = b'\x08\x02'  # bits of a channel, and the type of red, green and blue
_JPEG = b'\xff\xd8'
_JPEG_END = b'\xff\xd9'
_TIFF = {b'II*\0': '<', b'MM\0*': '>'}
# Markers that stand alone, without a length behind them (ITU-T T.81, table B.1): TEM, RST0 to RST7, SOI.
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}
# Start of frame, all kinds; C4, C8 and CC in between are tables.
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE, _JPEG_SCAN, _JPEG_RESTARTS = 0xC2, 0xDA, 0xDD
#: Scans of a progressive jpeg. Encoders make about ten; each one more costs a pass over all pixels.
MAX_SCANS = 64
# Tags of TIFF 6.0: ImageWidth, ImageLength, BitsPerSample, SamplesPerPixel, TileWidth, TileLength.
_WIDTH, _LENGTH, _BITS, _SAMPLES, _TILE_WIDTH, _TILE_LENGTH = 256, 257, 258, 277, 322, 323
_TIFF_TYPES = {3: 'H', 4: 'I'}
# Bytes that a jpeg decoder takes for more pixels where it still expects some, and for none like those it
# would make up: of 4712 cuts of 48 pictures this pattern told every one.
_MORE = b'\xb7\x6d\xdb' * 64

Size = tuple[int, int]


class _Jpeg(NamedTuple):
    """What stands before a jpeg's pixels, and where they begin."""

    size: Size
    channels: int
    pixels_at: int
    is_progressive: bool
    has_restarts: bool


def is_known(data: bytes) -> bool:
    """Tell whether a file begins as one of the formats that are read here, whole or not."""
    return data.startswith((_PNG, _JPEG, *_TIFF)) or _is_webp(data)


def read_sizes(data: bytes) -> tuple[Size, ...]:
    """Read every height and width, pixels, that decoding an image file takes memory for, the image's first.

    A tiff has one more for its tiles. Empty where the file is none of jpeg, png, webp and tiff, ends before
    it says, or asks for what no camera sends (a jpeg of more than `MAX_SCANS` scans, a tiff of more than four
    channels or 16 bits).
    """
    try:
        if data.startswith(_PNG):
            width, height = struct.unpack_from('>II', data, 16)
            return ((height, width),)
        if data.startswith(_JPEG):
            jpeg = _read_jpeg(data)
            return (jpeg.size,) if jpeg else ()
        if _is_webp(data):
            return _webp_sizes(data)
        if data[:4] in _TIFF:
            return _tiff_sizes(data)
    except (struct.error, IndexError):
        pass
    return ()


def _read_jpeg(data: bytes) -> _Jpeg | None:
    at, size, channels, is_progressive, has_restarts = len(_JPEG), None, 0, False, False
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _JPEG_BARE:
            at += 2
            continue
        if marker in _JPEG_FRAMES and size is None:
            height, width, channels = struct.unpack_from('>HHB', data, at + 5)
            size, is_progressive = (height, width), marker == _JPEG_PROGRESSIVE
        has_restarts |= marker == _JPEG_RESTARTS
        at += 2 + struct.unpack_from('>H', data, at + 2)[0]
        if marker == _JPEG_SCAN:
            if size is None or data.count(bytes((0xFF, _JPEG_SCAN)), at) >= MAX_SCANS:
                return None
            return _Jpeg(size, channels, at, is_progressive, has_restarts)
    return None


def _is_webp(data: bytes) -> bool:
    return data.startswith(b'RIFF') and data[8:12] == b'WEBP'


def _webp_sizes(data: bytes) -> tuple[Size, ...]:
    """Read a WebP's sizes (RFC 9649): lossy, lossless, and extended, which names its canvas."""
    kind = data[12:16]
    if kind == b'VP8 ' and data[23:26] == b'\x9d\x01\x2a':
        width, height = struct.unpack_from('<HH', data, 26)
        return ((height & 0x3FFF, width & 0x3FFF),)
    if kind == b'VP8L' and data[20] == 0x2F:
        (packed,) = struct.unpack_from('<I', data, 21)
        return (((packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1),)
    if kind == b'VP8X' and len(data) >= 30:
        return ((int.from_bytes(data[27:30], 'little') + 1, int.from_bytes(data[24:27], 'little') + 1),)
    return ()


def _tiff_sizes(data: bytes) -> tuple[Size, ...]:
    """Read a TIFF's size from its first directory (TIFF 6.0, section 2); a repeated field is refused."""
    order = _TIFF[data[:4]]
    (directory,) = struct.unpack_from(order + 'I', data, 4)
    (entries,) = struct.unpack_from(order + 'H', data, directory)
    said: dict[int, int] = {}
    for at in range(directory + 2, directory + 2 + 12 * entries, 12):
        tag, kind, count = struct.unpack_from(order + 'HHI', data, at)
        if tag not in (_WIDTH, _LENGTH, _BITS, _SAMPLES, _TILE_WIDTH, _TILE_LENGTH):
            continue
        if kind not in _TIFF_TYPES or tag in said:
            return ()
        lies_apart = count * struct.calcsize(_TIFF_TYPES[kind]) > 4
        (where,) = struct.unpack_from(order + 'I', data, at + 8) if lies_apart else (at + 8,)
        values = struct.unpack_from(order + _TIFF_TYPES[kind] * min(count, 4), data, where)
        said[tag] = max(values, default=0)
    if said.get(_BITS, 1) > 16 or said.get(_SAMPLES, 1) > 4:
        return ()
    sizes = [(said.get(_LENGTH, 0), said.get(_WIDTH, 0))]
    if _TILE_WIDTH in said or _TILE_LENGTH in said:
        sizes.append((said.get(_TILE_LENGTH, 0), said.get(_TILE_WIDTH, 0)))
    return tuple(sizes)


def is_colour(data: bytes, form: str) -> bool:
    """Tell whether a file is a jpeg or png, whichever `form` names, of three channels of 8 bits."""
    if form == 'png':
        return data.startswith(_PNG) and data[24:26] == _PNG_COLOUR
    jpeg = _read_jpeg(data) if read_sizes(data) and data.startswith(_JPEG) else None
    return jpeg is not None and jpeg.channels == 3


def decode_pixels(data: bytes) -> np.ndarray | None:
    """Decode an image file of a size that `read_sizes` found bearable.

    An orientation noted by the camera (EXIF) is ignored: camera_info describes the pixels as they are stored.
    Cameras exist that leave out a jpeg's end marker; theirs are read where no pixel is missing.

    Returns:
        uint8 `[H, W, 3]`, BGR, grey and 16-bit images converted, alpha left out; None where it is corrupt.
    """
    jpeg = _read_jpeg(data) if data.startswith(_JPEG) else None
    return _decode_without_end(data, jpeg) if jpeg and _has_no_end(data, jpeg) else _decode(data)


def ends_early(data: bytes) -> bool:
    """Tell whether a file is one of ours without sizes (`read_sizes`), or a jpeg without its end marker."""
    jpeg = _read_jpeg(data) if read_sizes(data) and data.startswith(_JPEG) else None
    return is_known(data) and (not read_sizes(data) or (jpeg is not None and _has_no_end(data, jpeg)))


def _has_no_end(data: bytes, jpeg: _Jpeg) -> bool:
    return data.find(_JPEG_END, jpeg.pixels_at) < 0


def _decode(data: bytes) -> np.ndarray | None:
    try:
        pixels: np.ndarray | None = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        return None
    return pixels


def _decode_without_end(data: bytes, jpeg: _Jpeg) -> np.ndarray | None:
    """Decode a jpeg that lacks its end marker; None where it lacks pixels as well.

    A decoder makes up the pixels that are missing, and does not tell. So it is asked again with more bytes at
    the end: it skips them when it had everything, and takes them for pixels when it had not. (A progressive
    jpeg that ends between two of its scans is a whole picture of less detail, and is read.)
    """
    body = data.rstrip(b'\0')  # drivers with buffers of a fixed size send their rest along
    if body.endswith(b'\xff'):  # half an end marker, or a value 255, which is followed by a zero
        body = body.rstrip(b'\xff') if len(body) == len(data) else body + b'\0'
    if len(body) <= jpeg.pixels_at:
        return None
    more = [_MORE]
    if jpeg.has_restarts:
        seen = max(range(8), key=lambda number: body.rfind(bytes((0xFF, 0xD0 + number)), jpeg.pixels_at))
        is_first = body.find(bytes((0xFF, 0xD0)), jpeg.pixels_at) < 0
        more.append(bytes((0xFF, 0xD0 + (0 if is_first else (seen + 1) % 8))) + _MORE)
    # An end marker behind them would make libjpeg complain on stderr of each frame; progressive ones need it.
    end = _JPEG_END if jpeg.is_progressive else b''
    pixels = _decode(body + _JPEG_END)
    for rest in more:
        again = _decode(body + rest + end)
        if pixels is None or again is None or not np.array_equal(pixels, again):
            return None
    return pixels


def encode_pixels(pixels: np.ndarray, form: str, quality: int) -> bytes:
    """Compress uint8 `[H, W]`, grey, or `[H, W, 3]`, BGR, as `jpeg` of a quality from 1 to 100, or `png`."""
    options = {
        'jpeg': ('.jpg', [cv2.IMWRITE_JPEG_QUALITY, quality]),
        'png': ('.png', [cv2.IMWRITE_PNG_COMPRESSION, 1]),
    }
    suffix, settings = options[form]
    done, data = cv2.imencode(suffix, pixels, settings)
    if not done:
        raise RuntimeError(f'OpenCV cannot write {form}')
    return bytes(data.tobytes())
