"""Messages to frames to RGB and back, for every encoding."""

from __future__ import annotations

import numpy as np
import pytest
from messages import HEADER, image_message

from restore_node.common.errors import EncodingError
from restore_node.messages import codec
from restore_node.messages.frame import Frame

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)
EIGHT_BIT = ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8')
SIXTEEN_BIT = ('rgb16', 'bgr16', 'mono16')
BAYER = ('bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8', 'bayer_grbg8')
PACKED = ('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv')
CHANNELS = (
    {'mono8': (), 'mono16': (), 'rgba8': (4,), 'bgra8': (4,)}
    | dict.fromkeys(BAYER, ())
    | dict.fromkeys(PACKED, (2,))
)


def noise(encoding: str, height: int, width: int, dtype: str = '<u2') -> np.ndarray:
    shape = (height, width, *CHANNELS.get(encoding, (3,)))
    rng = np.random.default_rng(height * 100 + width)
    if encoding in SIXTEEN_BIT:
        return rng.integers(0, 65536, shape, np.uint16).astype(dtype)
    return rng.integers(0, 256, shape, np.uint8)


def rgb_of(frame: Frame) -> np.ndarray:
    rgb = np.empty((frame.height, frame.width, 3), np.uint8)
    codec.to_rgb(frame, rgb)
    return rgb


def flat(height: int, width: int, *values: int, dtype: type = np.uint8) -> np.ndarray:
    return np.full((height, width, len(values)), values, dtype)


def mosaic(pattern: str, colour: tuple[int, int, int]) -> np.ndarray:
    """What a sensor with this colour filter, named by its first two rows of two, sees of an even colour."""
    cell = np.array([colour['rgb'.index(letter)] for letter in pattern], np.uint8).reshape(2, 2)
    return np.tile(cell, (3, 3))


@pytest.mark.parametrize('colour', [RED, GREEN, BLUE, GREY])
@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8', 'rgb16', 'bgr16', *BAYER])
def test_colours_are_read_as_they_are(encoding: str, colour: tuple[int, int, int]) -> None:
    order = colour if encoding.startswith('rgb') else colour[::-1]
    if encoding in BAYER:
        pixels = mosaic(encoding[6:10], colour)
    elif encoding in SIXTEEN_BIT:
        pixels = flat(4, 6, *order, dtype=np.uint16) * 257
    else:
        pixels = flat(4, 6, *order, *(7 for _ in range(encoding.count('a'))))
    rgb = rgb_of(codec.decode(image_message(pixels, encoding)))
    np.testing.assert_array_equal(rgb, flat(*pixels.shape[:2], *colour))


# ITU-R BT.601 with head room: Y, U and V of red, green and blue.
@pytest.mark.parametrize(
    ('y', 'u', 'v', 'colour'),
    [(82, 90, 240, RED), (145, 54, 34, GREEN), (41, 240, 110, BLUE), (126, 128, 128, GREY)],
)
@pytest.mark.parametrize('encoding', PACKED)
def test_colours_of_packed_422(encoding: str, y: int, u: int, v: int, colour: tuple[int, int, int]) -> None:
    luma_first = encoding in ('yuyv', 'yuv422_yuy2')
    pair = [y, u, y, v] if luma_first else [u, y, v, y]
    pixels = np.tile(np.array(pair, np.uint8), (3, 2)).reshape(3, 4, 2)
    rgb = rgb_of(codec.decode(image_message(pixels, encoding)))
    np.testing.assert_allclose(rgb.astype(int), flat(3, 4, *colour).astype(int), atol=3)


@pytest.mark.parametrize('encoding', ['mono8', 'mono16'])
def test_grey_is_read_into_all_channels(encoding: str) -> None:
    pixels = np.array([[0, 100, 255]], np.uint8)
    rgb = rgb_of(
        codec.decode(image_message(pixels if encoding == 'mono8' else pixels * np.uint16(256), encoding))
    )
    np.testing.assert_array_equal(rgb, np.repeat(pixels[..., None], 3, axis=2))


@pytest.mark.parametrize('size', [(1, 1), (3, 5), (7, 1), (1, 8), (4, 6)])
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', EIGHT_BIT + SIXTEEN_BIT)
def test_an_unchanged_restoration_gives_the_same_message(
    encoding: str, padding: int, size: tuple[int, int]
) -> None:
    pixels = noise(encoding, *size)
    frame = codec.decode(image_message(pixels, encoding, padding=padding))
    assert (frame.height, frame.width, frame.encoding, frame.header) == (*size, encoding, HEADER)
    assert codec.encode(rgb_of(frame), frame) == image_message(pixels, encoding)


@pytest.mark.parametrize('size', [(3, 4), (4, 6), (5, 8)])
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', BAYER + PACKED)
def test_sensor_encodings_go_out_as_bgr8(encoding: str, padding: int, size: tuple[int, int]) -> None:
    message = image_message(noise(encoding, *size), encoding, padding=padding)
    frame = codec.decode(message)
    rgb = rgb_of(frame)
    assert codec.output_encoding(frame) == 'bgr8'
    assert codec.encode(rgb, frame) == image_message(rgb[..., ::-1], 'bgr8')
    unpadded = rgb_of(codec.decode(image_message(noise(encoding, *size), encoding)))
    np.testing.assert_array_equal(rgb, unpadded)


@pytest.mark.parametrize('encoding', codec.SUPPORTED_ENCODINGS)
def test_rgb_may_be_written_into_a_corner_of_a_larger_buffer(encoding: str) -> None:
    frame = codec.decode(image_message(noise(encoding, 3, 4), encoding, padding=3))
    buffer = np.full((5, 7, 3), 77, np.uint8)
    codec.to_rgb(frame, buffer[:3, :4])
    np.testing.assert_array_equal(buffer[:3, :4], rgb_of(frame))
    assert (buffer[3:] == 77).all()
    assert (buffer[:, 4:] == 77).all()


@pytest.mark.parametrize('encoding', SIXTEEN_BIT)
def test_big_endian_pixels_are_read_and_go_out_little_endian(encoding: str) -> None:
    pixels = noise(encoding, 3, 5, '>u2')
    frame = codec.decode(image_message(pixels, encoding, padding=3))
    assert frame.pixels.tolist() == pixels.tolist()
    assert codec.encode(rgb_of(frame), frame) == image_message(pixels.astype('<u2'), encoding)


def test_big_endian_flag_means_nothing_to_8_bit() -> None:
    pixels = noise('rgb8', 3, 5)
    frame = codec.decode(image_message(pixels, 'rgb8', is_bigendian=1))
    np.testing.assert_array_equal(frame.pixels, pixels)


@pytest.mark.parametrize(('encoding', 'order'), [('rgb16', (0, 1, 2)), ('bgr16', (2, 1, 0))])
def test_16_bit_keeps_its_depth_under_the_residual(encoding: str, order: tuple[int, int, int]) -> None:
    pixels = np.array([[[1000, 30001, 50001], [5, 4660, 0]]], np.uint16)
    frame = codec.decode(image_message(pixels, encoding))
    rgb = rgb_of(frame)
    change = np.array([[[2, -3, 0], [0, 1, 0]]])
    rgb += change.astype(np.uint8)
    out = codec.decode(codec.encode(rgb, frame)).pixels
    np.testing.assert_array_equal(out, pixels + (change * 257)[..., order])


def test_16_bit_saturates() -> None:
    pixels = np.array([[65000, 100]], np.uint16)
    frame = codec.decode(image_message(pixels, 'mono16'))
    brighter = np.array([[[255] * 3, [0] * 3]], np.uint8)
    darker = np.zeros((1, 2, 3), np.uint8)
    assert codec.decode(codec.encode(brighter, frame)).pixels.tolist() == [[65000 + (255 - 253) * 257, 100]]
    assert codec.decode(codec.encode(darker, frame)).pixels.tolist() == [[0, 100]]


def grey(encoding: str) -> np.ndarray:
    """4x4 pixels of the grey level 90."""
    if encoding in PACKED:  # BT.601: 16 + 90 * 219 / 255
        luma_first = encoding in ('yuyv', 'yuv422_yuy2')
        return flat(4, 4, *((93, 128) if luma_first else (128, 93)))
    pixels = np.full_like(noise(encoding, 4, 4), 90)
    return pixels * 257 if encoding in SIXTEEN_BIT else pixels


@pytest.mark.parametrize('wanted', codec.OUTPUT_ENCODINGS)
@pytest.mark.parametrize('encoding', codec.SUPPORTED_ENCODINGS)
def test_every_encoding_goes_out_in_every_output_encoding(encoding: str, wanted: str) -> None:
    out = codec.decode(codec.convert(codec.decode(image_message(grey(encoding), encoding)), wanted))
    assert (out.encoding, out.header, out.height, out.width) == (wanted, HEADER, 4, 4)
    np.testing.assert_allclose(rgb_of(out).astype(int), 90, atol=1)


@pytest.mark.parametrize(('encoding', 'wanted'), [('rgba8', 'bgra8'), ('bgra8', 'rgba8'), ('rgba8', 'rgba8')])
def test_alpha_is_kept(encoding: str, wanted: str) -> None:
    pixels = noise(encoding, 3, 5)
    frame = codec.decode(image_message(pixels, encoding))
    out = codec.decode(codec.encode(255 - rgb_of(frame), frame, wanted)).pixels
    np.testing.assert_array_equal(out[..., 3], pixels[..., 3])
    colours = 255 - pixels[..., :3]
    np.testing.assert_array_equal(out[..., :3], colours if encoding == wanted else colours[..., ::-1])


def test_alpha_that_was_not_there_is_opaque() -> None:
    frame = codec.decode(image_message(noise('rgb8', 3, 5), 'rgb8'))
    assert (codec.decode(codec.convert(frame, 'rgba8')).pixels[..., 3] == 255).all()


@pytest.mark.parametrize('encoding', codec.SUPPORTED_ENCODINGS)
def test_pixels_are_a_view_of_the_message(encoding: str) -> None:
    message = image_message(noise(encoding, 4, 4), encoding, padding=3)
    pixels = codec.decode(message).pixels
    assert np.shares_memory(pixels, np.frombuffer(message, np.uint8))
    assert not pixels.flags.writeable


PIXELS = noise('rgb8', 4, 6)


@pytest.mark.parametrize(
    ('encoding', 'changes', 'fault'),
    [
        ('rgb8', {'step': 17}, 'step is too small.*step 17.*want 18'),
        ('rgb8', {'step': 0}, 'step is too small'),
        ('rgb8', {'data': PIXELS.reshape(-1)[:-1]}, 'data is too short: got 71 bytes, want 72'),
        ('rgb8', {'data': PIXELS.reshape(-1)[:0]}, 'data is too short'),
        ('rgb8', {'step': 2**32 - 1}, 'data is too short'),
        ('rgb8', {'height': 0, 'width': 0}, 'size is impossible: got 0x0'),
        ('rgb8', {'height': 0}, 'size is impossible: got 6x0'),
        ('rgb8', {'height': 30000, 'width': 30000, 'step': 90000}, 'size is impossible: got 30000x30000'),
        ('rgb8', {'height': 2**32 - 1, 'width': 2**32 - 1}, 'size is impossible'),
        ('rgb16', {}, 'step is too small.*want 36'),
        ('32FC1', {}, "not supported: got '32FC1', want one of rgb8"),
        ('', {}, "not supported: got ''"),
        ('RGB8', {}, 'not supported'),
        ('yuyv', {'width': 5}, 'odd width: got 5'),
        ('bayer_rggb8', {'height': 2, 'width': 2}, 'Bayer image is too small: got 2x2'),
    ],
)
def test_malformed_messages_are_refused_with_what_is_wrong(encoding: str, changes: dict, fault: str) -> None:
    with pytest.raises(EncodingError, match=fault):
        codec.decode(image_message(PIXELS, encoding, **changes))


def test_data_behind_the_image_and_a_cut_last_padding_are_harmless() -> None:
    data = np.pad(PIXELS.reshape(4, 18), ((0, 0), (0, 2)))
    for changed in (np.append(data, np.zeros(100, np.uint8)), data.reshape(-1)[:-2]):
        frame = codec.decode(image_message(PIXELS, 'rgb8', step=20, data=changed))
        np.testing.assert_array_equal(frame.pixels, PIXELS)


@pytest.mark.parametrize('encoding', ['bgr8', 'mono16', 'bayer_gbrg8', 'yuyv'])
def test_damaged_messages_raise_nothing_else(encoding: str) -> None:
    message = image_message(noise(encoding, 4, 4), encoding, HEADER._replace(frame_id='cam'), padding=1)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(message)
        for at in rng.integers(0, len(message), rng.integers(1, 8)):
            damaged[at] = rng.integers(0, 256)
        try:
            frame = codec.decode(bytes(damaged[: rng.integers(len(message) // 2, len(message) + 1)]))
        except EncodingError:
            refused += 1
        else:
            codec.encode(rgb_of(frame), frame)
    assert 0 < refused < 400
