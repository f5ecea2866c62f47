"""Messages to frames, frames to the network's RGB, and restored RGB back to messages.

Pixels are touched once each way: `decode` makes a view, `to_rgb` converts in the copy into the backend's
input buffer, `encode` converts in the copy into the outgoing message. What the encodings mean is said in
`restore_node.messages.encodings`.
"""

from __future__ import annotations

import cv2
import numpy as np

from restore_node.common.errors import MalformedError, UnreadableEncodingError
from restore_node.messages import cdr, compressed, nv24
from restore_node.messages.encodings import LAYOUTS, NV24, SUPPORTED_ENCODINGS, PixelLayout
from restore_node.messages.frame import Frame

# A camera beyond this does not exist on a vehicle; a message that claims it is broken or hostile.
MAX_SIDE = 16384
MAX_PIXELS = 2**26


def decode(message: bytes | bytearray | memoryview, bits: int = 0) -> Frame:
    """Read a serialised `sensor_msgs/Image` as a Frame whose pixels are a view of the message.

    `step` padding and `is_bigendian` are honoured. Only the pixels of a padded nv24 image are a copy.

    Args:
        message: the serialised message.
        bits: significant bits, 9 to 16, of an encoding whose name says 16 and whose camera fills fewer; 0
            where the name is right. A message has no field for it: mono16 of a 12-bit camera looks like a
            dark image.

    Raises:
        UnreadableEncodingError: the encoding is not read here; nothing is wrong with the message otherwise.
        MalformedError: impossible size, wrong step, or fewer bytes than the rows need.
    """
    image = cdr.read_image(message)
    check_size(image.height, image.width)
    if len(image.data) <= image.step * (image.height - 1):
        raise _too_short(image, image.step * (image.height - 1) + 1)
    layout = LAYOUTS.get(image.encoding)
    if layout is None:
        raise _unreadable(image.encoding)
    _check_shape(image, layout)
    row = image.width * layout.channels * layout.item
    step = _step(image, layout, row)
    rows = image.height * layout.rows[0] // layout.rows[1]
    needed = step * (rows - 1) + row
    if len(image.data) < needed:
        raise _too_short(image, needed)
    pixels = _view(image, layout, rows, step)
    if layout.to_rgb == NV24 and step > row:
        pixels = nv24.without_padding(image.data, image.height, image.width, step)
    return Frame(pixels, image.encoding, image.header, bits if layout.bits == 16 else 0)


def _unreadable(encoding: str) -> UnreadableEncodingError:
    names = [name for name in SUPPORTED_ENCODINGS if not name.startswith('bayer_')]
    return UnreadableEncodingError(
        'image encoding is not supported',
        seen=cdr.quoted(encoding),
        wanted=f'one of {", ".join(names)}, bayer_*',
        fix='set the camera driver to one of them, or convert the image before',
    )


def _too_short(image: cdr.ImageMessage, needed: int) -> MalformedError:
    shape = f'{image.width}x{image.height} {cdr.quoted(image.encoding)}'
    return MalformedError(
        'image data is too short',
        seen=f'{len(image.data)} bytes',
        wanted=f'{needed} for {shape} with step {image.step}',
        fix='correct the sender',
    )


def _check_shape(image: cdr.ImageMessage, layout: PixelLayout) -> None:
    if image.width % layout.even[0] or image.height % layout.even[1]:
        raise MalformedError(
            f'{image.encoding} image of an odd width or height',
            seen=f'{image.width}x{image.height}',
            wanted=f'multiples of {layout.even[0]} and {layout.even[1]}',
            fix='correct the sender',
        )
    if min(image.height, image.width) < layout.smallest:
        raise MalformedError(
            'Bayer image is too small', seen=f'{image.width}x{image.height}', wanted='3x3 or more'
        )


def _step(image: cdr.ImageMessage, layout: PixelLayout, row: int) -> int:
    """Return the bytes from one row in memory to the next."""
    # Some drivers count the plane of colours into the step of an image that has no padding.
    whole = row * layout.rows[0] // layout.rows[1]
    if layout.rows != (1, 1) and image.step == whole and len(image.data) == whole * image.height:
        return row
    if image.step < row:
        raise MalformedError(
            'image step is too small',
            seen=f'step {image.step} for {image.width} pixels of {image.encoding}',
            wanted=f'{row} or more',
            fix='correct the sender',
        )
    return image.step


def _view(image: cdr.ImageMessage, layout: PixelLayout, rows: int, step: int) -> np.ndarray:
    dtype = np.dtype(np.uint8 if layout.item == 1 else ('>u2' if image.is_bigendian else '<u2'))
    shape: tuple[int, ...] = (rows, image.width)
    strides: tuple[int, ...] = (step, layout.channels * layout.item)
    if layout.channels > 1:
        shape, strides = (*shape, layout.channels), (*strides, layout.item)
    return np.ndarray(shape, dtype, buffer=image.data, strides=strides)


def decode_compressed(message: bytes | bytearray | memoryview) -> Frame:
    """Read a serialised `sensor_msgs/CompressedImage` (jpeg, png, webp or tiff) as a bgr8 Frame.

    Raises:
        UnreadableEncodingError: the data is none of these, such as a video stream or a depth image.
        MalformedError: data that is cut or damaged, or an impossible size, which is found out undecoded.
    """
    image = cdr.read_compressed_image(message)
    # The format text is free ("jpeg", "rgb8; jpeg compressed bgr8"): the data's own signature decides.
    data = image.data.tobytes()
    sizes = compressed.read_sizes(data)
    for size in sizes:
        check_size(*size)
    pixels = compressed.decode_pixels(data) if sizes else None
    if pixels is None:
        is_ours = not data or compressed.is_known(data)
        raise (MalformedError if is_ours else UnreadableEncodingError)(
            'compressed image cannot be decoded',
            seen=f'{len(data)} bytes, format {cdr.quoted(image.format)}',
            wanted='a whole jpeg, png, webp or tiff',
            fix='check the sender; depth formats such as compressedDepth are not images',
        )
    return Frame(pixels, 'bgr8', image.header)


#: How the messages of a type are decoded.
DECODERS = {cdr.IMAGE_TYPE: decode, cdr.COMPRESSED_IMAGE_TYPE: decode_compressed}


def check_size(height: int, width: int) -> None:
    """Raise MalformedError for a size that no camera has."""
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and height * width <= MAX_PIXELS):
        raise MalformedError(
            'image size is impossible',
            seen=f'{width}x{height}',
            wanted=f'1x1 up to {MAX_SIDE} a side and {MAX_PIXELS} pixels in all',
            fix='correct the sender',
        )


def to_rgb(frame: Frame, out: np.ndarray) -> None:
    """Convert a frame into RGB.

    Args:
        frame: any supported encoding; of more than 8 bits the upper 8 that are significant are taken.
        out: uint8 `[H, W, 3]`, RGB, written in place; rows may be strided (a corner of a larger buffer).
    """
    layout = LAYOUTS[frame.encoding]
    pixels = frame.pixels
    if layout.item == 2:
        bits = frame.bits or layout.bits
        pixels = pixels >> (bits - 8)
        # What a camera puts above the bits that it promised is more than white.
        pixels = (pixels if bits == 16 else np.minimum(pixels, 255)).astype(np.uint8)
    if layout.to_rgb is None:
        np.copyto(out, pixels)
    elif layout.to_rgb == NV24:
        nv24.to_rgb(pixels, out)
    else:
        convert_colours(pixels, layout.to_rgb, out)


def rgb_of(frame: Frame) -> np.ndarray:
    """Convert a frame into RGB, uint8 `[H, W, 3]`, in memory of its own; as `to_rgb`."""
    rgb = np.empty((frame.height, frame.width, 3), np.uint8)
    to_rgb(frame, rgb)
    return rgb


def convert_colours(pixels: np.ndarray, code: int, out: np.ndarray) -> None:
    """Call `cv2.cvtColor` so that it really writes into `out`, whatever its strides and size.

    Pixels are uint8 `[H, W]` or `[H, W, C]`, `out` is uint8 of the shape that the conversion gives; its rows
    may be strided.
    """
    if pixels.shape[:2] == (1, 1):  # OpenCV 4.5, which Ubuntu 22.04 has, cannot take a single pixel
        out[:] = cv2.cvtColor(np.repeat(pixels, 2, axis=1), code)[:, :1].reshape(out.shape)
        return
    converted = cv2.cvtColor(pixels, code, dst=out)
    if converted is not out and not np.shares_memory(converted, out):
        np.copyto(out, converted.reshape(out.shape))


def output_encoding(frame: Frame) -> str:
    """Name the encoding in which this frame's restored image goes out: its own; for Bayer and YUV bgr8."""
    return LAYOUTS[frame.encoding].output or frame.encoding


def encode(rgb: np.ndarray, frame: Frame, encoding: str = '', into: bytearray | None = None) -> bytearray:
    """Serialise a restored image as `sensor_msgs/Image` with the header of the frame it came from.

    Args:
        rgb: uint8 `[H, W, 3]`, RGB, the frame's height and width.
        frame: the frame that was restored; gives header, alpha, and the low bits of 16-bit images.
        encoding: one of `OUTPUT_ENCODINGS`, or empty for `output_encoding(frame)`.
        into: what `encode` returned to this caller before. Where the size is the same its memory is used
            again and it is returned: its old content is gone. So a message is valid until its owner gives it
            back here, and a stream gives back only its own.

    Returns:
        The message. Without `into`, or where that does not fit, in memory of its own.
    """
    encoding = encoding or output_encoding(frame)
    layout = LAYOUTS[encoding]
    step = frame.width * layout.channels * layout.item
    message, data = cdr.new_image(frame.header, frame.height, frame.width, encoding, step, into)
    if layout.item == 2:
        data[:] = _add_residual_16(rgb, frame, layout).view(np.uint8).reshape(data.shape)
        return message
    shape = (frame.height, frame.width, layout.channels)[: 2 if layout.channels == 1 else 3]
    out = data.reshape(shape)
    if layout.from_rgb is None:
        np.copyto(out, rgb)
    else:
        convert_colours(rgb, layout.from_rgb, out)
    source = LAYOUTS[frame.encoding]
    if layout.channels == 4 and source.channels == 4:
        alpha = frame.pixels[..., 3]
        out[..., 3] = alpha if source.item == 1 else alpha >> ((frame.bits or source.bits) - 8)
    return message


def _add_residual_16(rgb: np.ndarray, frame: Frame, layout: PixelLayout) -> np.ndarray:
    """Return 16-bit pixels plus what the network changed in their upper 8 bits, in the frame's encoding."""
    change = rgb.astype(np.int32) - rgb_of(frame)
    if layout.channels == 1:
        change = change.mean(axis=2).round().astype(np.int32)
    elif layout.to_rgb in (cv2.COLOR_BGR2RGB, cv2.COLOR_BGRA2RGB):
        change = change[..., ::-1]
    white = 2 ** (frame.bits or layout.bits) - 1
    restored = frame.pixels.astype(np.int32)
    colours = restored if layout.channels == 1 else restored[..., :3]
    # What a camera puts above the white that it promised is not taken away from it.
    limit = np.maximum(colours, white)
    np.clip(colours + np.rint(change * (white / 255)).astype(np.int32), 0, limit, out=colours)
    return restored.astype('<u2')


def encode_compressed(rgb: np.ndarray, frame: Frame, form: str = 'jpeg', quality: int = 90) -> bytes:
    """Serialise a restored image as `sensor_msgs/CompressedImage` with the header of the frame it came from.

    The field `format` is written as image_transport's compressed plugin does (`bgr8; jpeg compressed bgr8`),
    so that its subscribers give the image back in the encoding of the camera, reduced to 8 bits.

    Args:
        rgb: uint8 `[H, W, 3]`, RGB, the frame's height and width.
        frame: the frame that was restored.
        form: `jpeg` or `png`.
        quality: of jpeg, 1 to 100; png is always exact and written with little effort.
    """
    is_grey = LAYOUTS[output_encoding(frame)].channels == 1
    code = cv2.COLOR_RGB2GRAY if is_grey else cv2.COLOR_RGB2BGR
    pixels = np.empty(rgb.shape[:2] if is_grey else rgb.shape, np.uint8)
    convert_colours(rgb, code, pixels)
    data = compressed.encode_pixels(pixels, form, quality)
    return cdr.compressed_image(frame.header, _format_text(frame, form), data)


def keep_compressed(message: bytes, frame: Frame, form: str = 'jpeg') -> bytes | None:
    """Return what `encode_compressed` would, with the file that the frame came in, byte for byte.

    The frame is the message's image, unchanged, in the encoding in which it goes out. None where the file is
    of another format than `form`, or not of three channels of 8 bits.
    """
    data = cdr.read_compressed_image(message).data.tobytes()
    if LAYOUTS[frame.encoding].channels == 1 or not compressed.is_colour(data, form):
        return None
    return cdr.compressed_image(frame.header, _format_text(frame, form), data)


def _format_text(frame: Frame, form: str) -> str:
    encoding = output_encoding(frame)
    if LAYOUTS[encoding].channels == 1:
        return f'mono8; {form} compressed mono8'
    name = encoding.replace('16', '8') if encoding.startswith(('rgb', 'bgr')) else 'bgr8'
    return f'{name}; {form} compressed bgr8'


def convert(frame: Frame, encoding: str, into: bytearray | None = None) -> bytearray:
    """Serialise a frame as it is, in another encoding (one of `OUTPUT_ENCODINGS`); `into` as for `encode`."""
    return encode(rgb_of(frame), frame, encoding, into)
