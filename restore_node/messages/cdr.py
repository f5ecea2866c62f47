"""The serialised form (XCDR1) of the three sensor messages this package handles.

The node subscribes and publishes serialised bytes, and so do the bag tools: a 1920x1080 `sensor_msgs/Image`
object costs about 12 ms a hop in Python, its bytes next to nothing. Layouts follow `sensor_msgs/msg/*.msg` of
Humble and Jazzy (they are the same); alignment counts from behind the four bytes of encapsulation header.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from restore_node.common.errors import MalformedError
from restore_node.messages.frame import Header

IMAGE_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE_TYPE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO_TYPE = 'sensor_msgs/msg/CameraInfo'

_ENCAPSULATION = 4
_LITTLE_ENDIAN = b'\x00\x01\x00\x00'


class ImageMessage(NamedTuple):
    """`sensor_msgs/Image`; `data` is a read-only uint8 view of the serialised bytes."""

    header: Header
    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: np.ndarray


class CompressedImageMessage(NamedTuple):
    """`sensor_msgs/CompressedImage`; `data` is a read-only uint8 view of the serialised bytes."""

    header: Header
    format: str
    data: np.ndarray


class CameraInfoHead(NamedTuple):
    """The part of `sensor_msgs/CameraInfo` that pairing with an image needs.

    Attributes:
        header: of the message.
        height: of the images that it describes, rows: those of its region of interest, after binning.
        width: the same, columns.
    """

    header: Header
    height: int
    width: int


class _Reader:
    """Walks a serialised message; every read is checked against its end."""

    def __init__(self, message: bytes | bytearray | memoryview) -> None:
        if len(message) < _ENCAPSULATION:
            raise MalformedError(
                'serialised message is too short', seen=f'{len(message)} bytes', wanted='4 or more'
            )
        self._buffer = memoryview(message)
        kind = bytes(self._buffer[:2])
        if kind not in (b'\x00\x00', b'\x00\x01'):
            raise MalformedError(
                'unknown serialisation',
                seen=kind.hex(),
                wanted='plain CDR (0000 or 0001)',
                fix='use a standard RMW',
            )
        self._order = '<' if kind == b'\x00\x01' else '>'
        self._at = _ENCAPSULATION

    def _take(self, count: int, what: str) -> memoryview:
        end = self._at + count
        if end > len(self._buffer):
            raise MalformedError(
                f'message ends inside its {what}',
                seen=f'{len(self._buffer)} bytes',
                wanted=f'{end} or more',
                fix='the sender cut it short',
            )
        view = self._buffer[self._at : end]
        self._at = end
        return view

    def number(self, code: str, what: str) -> int:
        size = struct.calcsize(code)
        self._at += -(self._at - _ENCAPSULATION) % size
        return int(struct.unpack(self._order + code, self._take(size, what))[0])

    def text(self, what: str) -> str:
        raw = bytes(self._take(self.number('I', what), what))
        return raw[:-1].decode('utf-8', 'surrogateescape') if raw else ''

    def skip_doubles(self, count: int, what: str) -> None:
        if count:
            self._at += -(self._at - _ENCAPSULATION) % 8
            self._take(8 * count, what)

    def data(self) -> np.ndarray:
        return np.frombuffer(self._take(self.number('I', 'data'), 'data'), np.uint8)

    def header(self) -> Header:
        return Header(self.number('i', 'stamp'), self.number('I', 'stamp'), self.text('frame_id'))


def read_image(message: bytes | bytearray | memoryview) -> ImageMessage:
    """Read a serialised `sensor_msgs/Image`.

    Raises:
        MalformedError: the bytes end before the message does, or are not plain CDR.
    """
    reader = _Reader(message)
    return ImageMessage(
        header=reader.header(),
        height=reader.number('I', 'height'),
        width=reader.number('I', 'width'),
        encoding=reader.text('encoding'),
        is_bigendian=bool(reader.number('B', 'is_bigendian')),
        step=reader.number('I', 'step'),
        data=reader.data(),
    )


def read_compressed_image(message: bytes | bytearray | memoryview) -> CompressedImageMessage:
    """Read a serialised `sensor_msgs/CompressedImage`; raises `MalformedError` like `read_image`."""
    reader = _Reader(message)
    return CompressedImageMessage(reader.header(), reader.text('format'), reader.data())


def read_camera_info_head(message: bytes | bytearray | memoryview) -> CameraInfoHead:
    """Read header and size of a serialised `sensor_msgs/CameraInfo`; raises like `read_image`."""
    reader = _Reader(message)
    header, height, width = reader.header(), reader.number('I', 'height'), reader.number('I', 'width')
    reader.text('distortion_model')
    reader.skip_doubles(reader.number('I', 'd'), 'd')
    reader.skip_doubles(9 + 9 + 12, 'matrices')
    # Zero means one for binning, and the whole image for a region of interest, which counts full pixels.
    bin_x, bin_y = (max(1, reader.number('I', 'binning')) for _ in range(2))
    _, _, roi_height, roi_width = (reader.number('I', 'roi') for _ in range(4))
    return CameraInfoHead(header, (roi_height or height) // bin_y, (roi_width or width) // bin_x)


def read_stamp_ns(message: bytes | bytearray | memoryview) -> int | None:
    """Read the stamp, nanoseconds, of any message that begins with a header; None if it is cut short."""
    try:
        reader = _Reader(message)
        return Header(reader.number('i', 'stamp'), reader.number('I', 'stamp'), '').stamp_ns
    except MalformedError:
        return None


def restamp(message: bytes, header: Header) -> bytes:
    """Return the same serialised message, which begins with a header, with the stamp of `header`."""
    stamp = struct.pack(('<' if message[1] else '>') + 'iI', header.sec, header.nanosec)
    return message[:_ENCAPSULATION] + stamp + message[_ENCAPSULATION + len(stamp) :]


def _text(value: str) -> bytes:
    raw = value.encode('utf-8', 'surrogateescape') + b'\0'
    return struct.pack('<I', len(raw)) + raw


def _aligned(body: bytes) -> bytes:
    return body + b'\0' * (-len(body) % 4)


def quoted(text: str) -> str:
    """Quote a text of a message for an error's one line: ASCII, and short whatever was sent."""
    return ascii(text if len(text) <= 40 else text[:40] + '...')


def new_image(
    header: Header, height: int, width: int, encoding: str, step: int, into: bytearray | None = None
) -> tuple[bytearray, np.ndarray]:
    """Begin a serialised little-endian `sensor_msgs/Image` and leave its pixels to the caller.

    A row has `step` bytes. The memory of `into`, a message made here before that nobody needs any more, is
    used again where it fits.

    Returns the message, and a writable uint8 view `[height, step]` of its data, so that the colour conversion
    writes straight into the message.
    """
    body = _stamped(header) + struct.pack('<II', height, width) + _text(encoding)
    body = _aligned(body + b'\0') + struct.pack('<II', step, height * step)
    start = _ENCAPSULATION + len(body)
    fits = into is not None and len(into) == start + height * step
    message = into if into is not None and fits else bytearray(start + height * step)
    message[:start] = _LITTLE_ENDIAN + body
    return message, np.frombuffer(message, np.uint8, offset=start).reshape(height, step)


def compressed_image(header: Header, form: str, data: bytes) -> bytes:
    """Serialise a little-endian `sensor_msgs/CompressedImage`; `form` is the text of its field `format`."""
    body = _aligned(_stamped(header) + _text(form)) + struct.pack('<I', len(data))
    return b''.join((_LITTLE_ENDIAN, body, data))


def _stamped(header: Header) -> bytes:
    return _aligned(struct.pack('<iI', header.sec, header.nanosec) + _text(header.frame_id))
