"""Compressed images, jpeg and png: their size is read before they are decoded.

A few kilobytes can claim a size that would take gigabytes to decode, and OpenCV allocates what is claimed.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

_PNG = b'\x89PNG\r\n\x1a\n'
_JPEG = b'\xff\xd8'
_JPEG_END = b'\xff\xd9'
# Markers that stand alone, without a length behind them (ITU-T T.81, table B.1): TEM, RST0 to RST7, SOI.
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}
# Start of frame, all kinds; C4, C8 and CC in between are tables.
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def read_size(data: bytes) -> tuple[int, int] | None:
    """Height and width, pixels, that a jpeg or png file claims; None where it is neither or ends before."""
    try:
        if data.startswith(_PNG):
            width, height = struct.unpack_from('>II', data, 16)
            return height, width
        if data.startswith(_JPEG) and _JPEG_END in data:
            return _jpeg_size(data)
    except (struct.error, IndexError):
        pass
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = len(_JPEG)
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from('>HH', data, at + 5)
            return height, width
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        else:
            at += 2 + struct.unpack_from('>H', data, at + 2)[0]
    return None


def decode_pixels(data: bytes) -> np.ndarray | None:
    """Decode a jpeg or png file.

    An orientation noted by the camera (EXIF) is ignored: camera_info describes the pixels as they are stored.

    Returns:
        uint8 `[H, W, 3]`, BGR, grey and 16-bit images converted, alpha left out; None where it is corrupt.
    """
    try:
        pixels: np.ndarray | None = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        return None
    return pixels
