"""Makes serialised sensor messages with a serialiser that is not ours: that of rosbags."""

from __future__ import annotations

import cv2
import numpy as np
from rosbags.typesys import Stores, get_typestore

from restore_node.messages.encodings import LAYOUTS
from restore_node.messages.frame import Header

HEADER = Header(1_700_000_000, 123_456_789, 'camera_optical_frame')

_STORE = get_typestore(Stores.ROS2_HUMBLE)


def _serialise(kind: str, header: Header, *values: object, little_endian: bool = True) -> bytes:
    types = _STORE.types
    stamp = types['builtin_interfaces/msg/Time'](header.sec, header.nanosec)
    message = types[kind](types['std_msgs/msg/Header'](stamp, header.frame_id), *values)
    return bytes(_STORE.serialize_cdr(message, kind, little_endian=little_endian))


def image_message(
    pixels: np.ndarray,
    encoding: str,
    header: Header = HEADER,
    *,
    padding: int = 0,
    little_endian: bool = True,
    **changes: object,
) -> bytes:
    """A serialised `sensor_msgs/Image`.

    Args:
        pixels: `[H, W]` or `[H, W, C]`; 16-bit ones are stored in the byte order that their dtype has.
        encoding: name of the encoding.
        header: its header.
        padding: bytes of 0xEE behind each row.
        little_endian: byte order of the serialisation.
        changes: replace height, width, step, is_bigendian or data (uint8), right or wrong.
    """
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    values: dict[str, object] = {
        'height': pixels.shape[0],
        'width': pixels.shape[1],
        'encoding': encoding,
        'is_bigendian': int(pixels.dtype.byteorder == '>'),
        'step': padded.shape[1],
        'data': padded.reshape(-1),
    } | changes
    return _serialise('sensor_msgs/msg/Image', header, *values.values(), little_endian=little_endian)


def compressed_message(data: bytes, format_: str = 'jpeg', header: Header = HEADER) -> bytes:
    """A serialised `sensor_msgs/CompressedImage`."""
    return _serialise('sensor_msgs/msg/CompressedImage', header, format_, np.frombuffer(data, np.uint8))


def camera_info_message(
    height: int,
    width: int,
    header: Header = HEADER,
    *,
    binning: tuple[int, int] = (0, 0),
    roi: tuple[int, int, int, int] = (0, 0, 0, 0),
    little_endian: bool = True,
) -> bytes:
    """A serialised `sensor_msgs/CameraInfo` of an ideal camera; `roi` is x, y, height, width."""
    region = _STORE.types['sensor_msgs/msg/RegionOfInterest'](*roi, False)
    matrices = (np.zeros(5), np.eye(3).reshape(-1), np.eye(3).reshape(-1), np.eye(3, 4).reshape(-1))
    return _serialise(
        'sensor_msgs/msg/CameraInfo',
        header,
        height,
        width,
        'plumb_bob',
        *matrices,
        *binning,
        region,
        little_endian=little_endian,
    )


def every_raw_message() -> list[bytes]:
    """A small image in each encoding that is read."""
    messages = []
    for encoding, layout in LAYOUTS.items():
        shape = (6 * layout.rows[0] // layout.rows[1], 8, layout.channels)
        pixels = np.zeros(shape, np.uint8 if layout.item == 1 else np.uint16)
        messages.append(image_message(pixels, encoding, padding=0 if layout.rows != (1, 1) else 3, height=6))
    return messages


def every_compressed_message() -> list[bytes]:
    """A small image in each format that is read."""
    picture = cv2.resize(np.random.default_rng(3).integers(0, 256, (4, 6, 3), np.uint8), (45, 31))
    files = [cv2.imencode(suffix, picture)[1].tobytes() for suffix in ('.jpg', '.png', '.webp', '.tiff')]
    files.append(cv2.imencode('.jpg', picture, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))[1].tobytes())
    return [compressed_message(data) for data in [*files, files[0][:-2]]]
