"""Messages to frames, frames to the network's RGB, and restored RGB back to messages.

Pixels are touched once each way: `decode` makes a view, `to_rgb` converts in the copy into the backend's
input buffer, `encode` converts in the copy into the outgoing message. Encodings have the names of
`sensor_msgs/image_encodings.hpp`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from restore_node.common.errors import EncodingError
from restore_node.messages import cdr, compressed
from restore_node.messages.frame import Frame

# A camera beyond this does not exist on a vehicle; a message that claims it is broken or hostile.
MAX_SIDE = 16384
MAX_PIXELS = 2**26


@dataclass(frozen=True)
class _Layout:
    """How an encoding lies in memory and how it turns into RGB and back."""

    channels: int
    bits: int = 8
    to_rgb: int | None = None  # cv2 conversion code; None where a plain copy does
    from_rgb: int | None = None
    output: str = ''  # encoding of the restored image, where it is not the same


_LAYOUTS = {
    'rgb8': _Layout(3),
    'bgr8': _Layout(3, to_rgb=cv2.COLOR_BGR2RGB, from_rgb=cv2.COLOR_RGB2BGR),
    'rgba8': _Layout(4, to_rgb=cv2.COLOR_RGBA2RGB, from_rgb=cv2.COLOR_RGB2RGBA),
    'bgra8': _Layout(4, to_rgb=cv2.COLOR_BGRA2RGB, from_rgb=cv2.COLOR_RGB2BGRA),
    'mono8': _Layout(1, to_rgb=cv2.COLOR_GRAY2RGB, from_rgb=cv2.COLOR_RGB2GRAY),
    'rgb16': _Layout(3, bits=16),
    'bgr16': _Layout(3, bits=16, to_rgb=cv2.COLOR_BGR2RGB, from_rgb=cv2.COLOR_RGB2BGR),
    'mono16': _Layout(1, bits=16, to_rgb=cv2.COLOR_GRAY2RGB, from_rgb=cv2.COLOR_RGB2GRAY),
    # OpenCV names a Bayer pattern by its second row's second and third pixel, ROS by its first two pixels.
    'bayer_rggb8': _Layout(1, to_rgb=cv2.COLOR_BayerBG2RGB, output='bgr8'),
    'bayer_bggr8': _Layout(1, to_rgb=cv2.COLOR_BayerRG2RGB, output='bgr8'),
    'bayer_gbrg8': _Layout(1, to_rgb=cv2.COLOR_BayerGR2RGB, output='bgr8'),
    'bayer_grbg8': _Layout(1, to_rgb=cv2.COLOR_BayerGB2RGB, output='bgr8'),
    # Packed 4:2:2 under the names of Humble and of later distros.
    'yuv422': _Layout(2, to_rgb=cv2.COLOR_YUV2RGB_UYVY, output='bgr8'),
    'uyvy': _Layout(2, to_rgb=cv2.COLOR_YUV2RGB_UYVY, output='bgr8'),
    'yuv422_yuy2': _Layout(2, to_rgb=cv2.COLOR_YUV2RGB_YUY2, output='bgr8'),
    'yuyv': _Layout(2, to_rgb=cv2.COLOR_YUV2RGB_YUY2, output='bgr8'),
}

#: Encodings of `sensor_msgs/Image` that are read.
SUPPORTED_ENCODINGS = tuple(_LAYOUTS)
#: Encodings that restored images can be published in.
OUTPUT_ENCODINGS = tuple(name for name, layout in _LAYOUTS.items() if not layout.output and layout.bits == 8)


def decode(message: bytes | bytearray | memoryview) -> Frame:
    """Read a serialised `sensor_msgs/Image` as a Frame whose pixels are a view of the message.

    `step` padding and `is_bigendian` are honoured.

    Raises:
        EncodingError: unknown encoding, impossible size, wrong step, or fewer bytes than the rows need.
    """
    image = cdr.read_image(message)
    layout = _LAYOUTS.get(image.encoding)
    if layout is None:
        raise EncodingError(
            'image encoding is not supported',
            seen=repr(image.encoding),
            wanted='one of ' + ', '.join(SUPPORTED_ENCODINGS),
            fix='convert it before this node, or set the camera driver to one of them',
        )
    check_size(image.height, image.width)
    if layout.channels == 2 and image.width % 2:
        raise EncodingError('4:2:2 image of odd width', seen=image.width, wanted='an even width')
    if image.encoding.startswith('bayer_') and min(image.height, image.width) < 3:
        # OpenCV interpolates inside a border of one pixel and leaves smaller images black.
        raise EncodingError(
            'Bayer image is too small', seen=f'{image.width}x{image.height}', wanted='3x3 or more'
        )
    item = layout.bits // 8
    row = image.width * layout.channels * item
    if image.step < row:
        raise EncodingError(
            'image step is too small',
            seen=f'step {image.step} for {image.width} pixels of {image.encoding}',
            wanted=f'{row} or more',
            fix='correct the sender',
        )
    needed = image.step * (image.height - 1) + row
    if len(image.data) < needed:
        raise EncodingError(
            'image data is too short',
            seen=f'{len(image.data)} bytes',
            wanted=f'{needed} for {image.width}x{image.height} {image.encoding} with step {image.step}',
            fix='correct the sender',
        )
    dtype = np.dtype(np.uint8 if item == 1 else ('>u2' if image.is_bigendian else '<u2'))
    shape: tuple[int, ...] = (image.height, image.width)
    strides: tuple[int, ...] = (image.step, layout.channels * item)
    if layout.channels > 1:
        shape, strides = (*shape, layout.channels), (*strides, item)
    pixels: np.ndarray = np.ndarray(shape, dtype, buffer=image.data, strides=strides)
    return Frame(pixels, image.encoding, image.header)


def decode_compressed(message: bytes | bytearray | memoryview) -> Frame:
    """Read a serialised `sensor_msgs/CompressedImage` (jpeg or png) as a bgr8 Frame.

    Raises:
        EncodingError: data that is no readable image, or of an impossible size.
    """
    image = cdr.read_compressed_image(message)
    # The format text is free ("jpeg", "rgb8; jpeg compressed bgr8"): the data's own signature decides.
    data = image.data.tobytes()
    size = compressed.read_size(data)
    if size is not None:
        check_size(*size)
    pixels = None if size is None else compressed.decode_pixels(data)
    if pixels is None:
        raise EncodingError(
            'compressed image cannot be decoded',
            seen=f'{len(data)} bytes, format {image.format!r}',
            wanted='jpeg or png',
            fix='check the sender; depth formats such as compressedDepth are not images',
        )
    return Frame(pixels, 'bgr8', image.header)


def check_size(height: int, width: int) -> None:
    """Raise EncodingError for a size that no camera has."""
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and height * width <= MAX_PIXELS):
        raise EncodingError(
            'image size is impossible',
            seen=f'{width}x{height}',
            wanted=f'1x1 up to {MAX_SIDE} a side and {MAX_PIXELS} pixels in all',
            fix='correct the sender',
        )


def to_rgb(frame: Frame, out: np.ndarray) -> None:
    """Convert a frame into RGB.

    Args:
        frame: any supported encoding; 16-bit is reduced to its upper 8 bits.
        out: uint8 `[H, W, 3]`, RGB, written in place; rows may be strided (a corner of a larger buffer).
    """
    layout = _LAYOUTS[frame.encoding]
    pixels = frame.pixels
    if layout.bits == 16:
        pixels = (pixels >> 8).astype(np.uint8)
    if layout.to_rgb is None:
        np.copyto(out, pixels)
        return
    if pixels.shape[:2] == (1, 1):  # OpenCV 4.5, which Ubuntu 22.04 has, cannot take a single pixel
        out[:] = cv2.cvtColor(np.repeat(pixels, 2, axis=1), layout.to_rgb)[:, :1]
        return
    converted = cv2.cvtColor(pixels, layout.to_rgb, dst=out)
    if converted is not out and not np.shares_memory(converted, out):
        np.copyto(out, converted)


def output_encoding(frame: Frame) -> str:
    """The encoding in which this frame's restored image goes out: the same, or bgr8 for Bayer and 4:2:2."""
    return _LAYOUTS[frame.encoding].output or frame.encoding


def encode(rgb: np.ndarray, frame: Frame, encoding: str = '') -> bytes:
    """Serialise a restored image as `sensor_msgs/Image` with the header of the frame it came from.

    Args:
        rgb: uint8 `[H, W, 3]`, RGB, the frame's height and width.
        frame: the frame that was restored; gives header, alpha, and the low bits of 16-bit images.
        encoding: one of `OUTPUT_ENCODINGS`, or empty for `output_encoding(frame)`.
    """
    encoding = encoding or output_encoding(frame)
    layout = _LAYOUTS[encoding]
    step = frame.width * layout.channels * (layout.bits // 8)
    message, data = cdr.new_image(frame.header, frame.height, frame.width, encoding, step)
    if layout.bits == 16:
        data[:] = _add_residual_16(rgb, frame, layout).view(np.uint8).reshape(data.shape)
        return bytes(message)
    out = data.reshape(frame.height, frame.width, layout.channels)
    if layout.from_rgb is None:
        np.copyto(out, rgb)
    else:
        wide = np.repeat(rgb, 2, axis=1) if rgb.shape[:2] == (1, 1) else rgb  # as in `to_rgb`
        np.copyto(out, cv2.cvtColor(wide, layout.from_rgb)[:, : frame.width].reshape(out.shape))
    if layout.channels == 4 and frame.encoding in ('rgba8', 'bgra8'):
        out[..., 3] = frame.pixels[..., 3]
    return bytes(message)


def _add_residual_16(rgb: np.ndarray, frame: Frame, layout: _Layout) -> np.ndarray:
    """16-bit pixels plus what the network changed in their upper 8 bits, in the frame's encoding."""
    degraded = np.empty_like(rgb)
    to_rgb(frame, degraded)
    change = rgb.astype(np.int32) - degraded
    if layout.channels == 1:
        change = change.mean(axis=2).round().astype(np.int32)
    elif layout.from_rgb is not None:
        change = change[..., ::-1]
    return np.clip(frame.pixels.astype(np.int32) + change * 257, 0, 65535).astype('<u2')


def convert(frame: Frame, encoding: str) -> bytes:
    """Serialise a frame as it is, in another encoding (one of `OUTPUT_ENCODINGS`)."""
    rgb = np.empty((frame.height, frame.width, 3), np.uint8)
    to_rgb(frame, rgb)
    return encode(rgb, frame, encoding)
