"""Messages to frames to RGB and back, for every encoding."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from messages import HEADER, image_message

from restore_node.common.errors import MalformedError, UnreadableEncodingError
from restore_node.messages import codec
from restore_node.messages.encodings import OUTPUT_ENCODINGS, SUPPORTED_ENCODINGS

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)
PATTERNS = ('rggb', 'bggr', 'gbrg', 'grbg')
EIGHT_BIT = ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', '8UC1', '8UC3', '8UC4')
SIXTEEN_BIT = ('rgb16', 'bgr16', 'rgba16', 'bgra16', '16UC3', '16UC4', 'mono16')
FEWER_BITS = {'mono10': 10, 'mono12': 12, 'mono14': 14}
BAYER = tuple(f'bayer_{pattern}8' for pattern in PATTERNS)
DEEP_BAYER = {f'bayer_{pattern}{bits}': bits for pattern in PATTERNS for bits in (10, 12, 14, 16)}
BITS = dict.fromkeys(SIXTEEN_BIT, 16) | FEWER_BITS | DEEP_BAYER
PACKED = ('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv')
PLANES = {'nv12': (3, 2), 'nv21': (3, 2), 'nv24': (3, 1)}  # rows in memory, of rows of pixels
CHANNELS = (
    dict.fromkeys(('mono8', 'mono16', '8UC1', *FEWER_BITS, *BAYER, *DEEP_BAYER, *PLANES), ())
    | dict.fromkeys(('rgba8', 'bgra8', '8UC4', 'rgba16', 'bgra16', '16UC4'), (4,))
    | dict.fromkeys(PACKED, (2,))
)
ALPHA = tuple(encoding for encoding, shape in CHANNELS.items() if shape == (4,))


def noise(encoding: str, height: int, width: int, dtype: str = '<u2') -> np.ndarray:
    rows, of_pixels = PLANES.get(encoding, (1, 1))
    shape = (height * rows // of_pixels, width, *CHANNELS.get(encoding, (3,)))
    rng = np.random.default_rng(height * 100 + width)
    if encoding in BITS:
        return rng.integers(0, 2 ** BITS[encoding], shape, np.uint16).astype(dtype)
    return rng.integers(0, 256, shape, np.uint8)


def message_of(pixels: np.ndarray, encoding: str, padding: int = 0, **options: object) -> bytes:
    """`image_message`, with the height that planes below each other make up together."""
    rows, of_pixels = PLANES.get(encoding, (1, 1))
    height, width = pixels.shape[0] * of_pixels // rows, pixels.shape[1]
    options = {'height': height} | options
    if encoding == 'nv24':  # a row of its colours is twice as long, and so is the padding
        grey = np.pad(pixels[:height], ((0, 0), (0, padding)))
        colours = np.pad(pixels[height:].reshape(height, 2 * width), ((0, 0), (0, 2 * padding)))
        data = np.concatenate([grey.ravel(), colours.ravel()])
        return image_message(pixels, encoding, **{'step': width + padding, 'data': data} | options)
    return image_message(pixels, encoding, padding=padding, **options)


def flat(height: int, width: int, *values: int, dtype: type = np.uint8) -> np.ndarray:
    return np.full((height, width, len(values)), values, dtype)


def mosaic(pattern: str, colour: tuple[int, int, int]) -> np.ndarray:
    """What a sensor with this colour filter, named by its first two rows of two, sees of an even colour."""
    cell = np.array([colour['rgb'.index(letter)] for letter in pattern], np.uint8).reshape(2, 2)
    return np.tile(cell, (3, 3))


@pytest.mark.parametrize('colour', [RED, GREEN, BLUE, GREY])
@pytest.mark.parametrize(
    'encoding', [*(name for name in EIGHT_BIT + SIXTEEN_BIT if CHANNELS.get(name) != ()), *BAYER, *DEEP_BAYER]
)
def test_colours_are_read_as_they_are(encoding: str, colour: tuple[int, int, int]) -> None:
    order = colour if encoding.startswith('rgb') else colour[::-1]
    if encoding.startswith('bayer'):
        pixels = mosaic(encoding[6:10], colour)
    else:
        pixels = flat(4, 6, *order, *(7 for _ in range(encoding in ALPHA)))
    if encoding in BITS:
        pixels = pixels.astype(np.uint16) << (BITS[encoding] - 8)
    rgb = codec.rgb_of(codec.decode(image_message(pixels, encoding)))
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
    rgb = codec.rgb_of(codec.decode(image_message(pixels, encoding)))
    np.testing.assert_allclose(rgb.astype(int), flat(3, 4, *colour).astype(int), atol=3)


@pytest.mark.parametrize(
    ('y', 'u', 'v', 'colour'),
    [(82, 90, 240, RED), (145, 54, 34, GREEN), (41, 240, 110, BLUE), (126, 128, 128, GREY)],
)
@pytest.mark.parametrize('encoding', PLANES)
def test_colours_of_planes(encoding: str, y: int, u: int, v: int, colour: tuple[int, int, int]) -> None:
    pixels = np.full_like(noise(encoding, 4, 6), y)
    pixels[4:, ::2], pixels[4:, 1::2] = (v, u) if encoding == 'nv21' else (u, v)
    rgb = codec.rgb_of(codec.decode(message_of(pixels, encoding)))
    np.testing.assert_allclose(rgb.astype(int), flat(4, 6, *colour).astype(int), atol=3)


def test_nv24_has_a_colour_for_every_pixel() -> None:
    """The same noise as nv12, with every colour there twice in each direction, is the same picture."""
    coarse = noise('nv12', 8, 12)
    colours = coarse[8:].reshape(4, 6, 2).repeat(2, axis=0).repeat(2, axis=1)
    fine = np.concatenate([coarse[:8], colours.reshape(16, 12)])
    wanted = codec.rgb_of(codec.decode(message_of(coarse, 'nv12')))
    found = codec.rgb_of(codec.decode(message_of(fine, 'nv24')))
    np.testing.assert_allclose(found.astype(int), wanted.astype(int), atol=1)


@pytest.mark.parametrize('encoding', PLANES)
def test_a_step_that_counts_the_colours_in_is_understood(encoding: str) -> None:
    pixels = noise(encoding, 4, 6)
    rows, of_pixels = PLANES[encoding]
    frame = codec.decode(message_of(pixels, encoding, step=6 * rows // of_pixels))
    np.testing.assert_array_equal(frame.pixels, pixels)


@pytest.mark.parametrize('encoding', ['mono8', '8UC1', 'mono16', *FEWER_BITS])
def test_grey_is_read_into_all_channels(encoding: str) -> None:
    pixels = np.array([[0, 100, 255]], np.uint8)
    sent = pixels.astype(np.uint16) << (BITS[encoding] - 8) if encoding in BITS else pixels
    rgb = codec.rgb_of(codec.decode(image_message(sent, encoding)))
    np.testing.assert_array_equal(rgb, np.repeat(pixels[..., None], 3, axis=2))


@pytest.mark.parametrize('size', [(1, 1), (3, 5), (7, 1), (1, 8), (4, 6)])
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', [*EIGHT_BIT, *SIXTEEN_BIT, *FEWER_BITS])
def test_an_unchanged_restoration_gives_the_same_message(
    encoding: str, padding: int, size: tuple[int, int]
) -> None:
    pixels = noise(encoding, *size)
    frame = codec.decode(image_message(pixels, encoding, padding=padding))
    assert (frame.height, frame.width, frame.encoding, frame.header) == (*size, encoding, HEADER)
    assert codec.encode(codec.rgb_of(frame), frame) == image_message(pixels, encoding)


@pytest.mark.parametrize('size', [(4, 4), (4, 6), (6, 8)])
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', [*BAYER, *DEEP_BAYER, *PACKED, *PLANES])
def test_sensor_encodings_go_out_as_bgr8(encoding: str, padding: int, size: tuple[int, int]) -> None:
    message = message_of(noise(encoding, *size), encoding, padding=padding)
    frame = codec.decode(message)
    assert (frame.height, frame.width) == size
    rgb = codec.rgb_of(frame)
    assert codec.output_encoding(frame) == 'bgr8'
    assert codec.encode(rgb, frame) == image_message(rgb[..., ::-1], 'bgr8')
    unpadded = codec.rgb_of(codec.decode(message_of(noise(encoding, *size), encoding)))
    np.testing.assert_array_equal(rgb, unpadded)


@pytest.mark.parametrize('encoding', SUPPORTED_ENCODINGS)
def test_rgb_may_be_written_into_a_corner_of_a_larger_buffer(encoding: str) -> None:
    frame = codec.decode(message_of(noise(encoding, 4, 4), encoding, padding=4))
    buffer = np.full((5, 7, 3), 77, np.uint8)
    codec.to_rgb(frame, buffer[:4, :4])
    np.testing.assert_array_equal(buffer[:4, :4], codec.rgb_of(frame))
    assert (buffer[4:] == 77).all()
    assert (buffer[:, 4:] == 77).all()


@pytest.mark.parametrize('encoding', [*SIXTEEN_BIT, *FEWER_BITS])
def test_big_endian_pixels_are_read_and_go_out_little_endian(encoding: str) -> None:
    pixels = noise(encoding, 3, 5, '>u2')
    frame = codec.decode(image_message(pixels, encoding, padding=3))
    assert frame.pixels.tolist() == pixels.tolist()
    assert codec.encode(codec.rgb_of(frame), frame) == image_message(pixels.astype('<u2'), encoding)


def test_big_endian_flag_means_nothing_to_8_bit() -> None:
    pixels = noise('rgb8', 3, 5)
    frame = codec.decode(image_message(pixels, 'rgb8', is_bigendian=1))
    np.testing.assert_array_equal(frame.pixels, pixels)


@pytest.mark.parametrize(('encoding', 'order'), [('rgb16', (0, 1, 2)), ('bgr16', (2, 1, 0))])
def test_16_bit_keeps_its_depth_under_the_residual(encoding: str, order: tuple[int, int, int]) -> None:
    pixels = np.array([[[1000, 30001, 50001], [5, 4660, 0]]], np.uint16)
    frame = codec.decode(image_message(pixels, encoding))
    rgb = codec.rgb_of(frame)
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


@pytest.mark.parametrize(('encoding', 'bits'), FEWER_BITS.items())
def test_fewer_bits_keep_their_depth_under_the_residual(encoding: str, bits: int) -> None:
    white = 2**bits - 1
    pixels = np.array([[0, 1, white // 2, white]], np.uint16)
    frame = codec.decode(image_message(pixels, encoding))
    brighter = np.minimum(codec.rgb_of(frame).astype(int) + 10, 255).astype(np.uint8)
    out = codec.decode(codec.encode(brighter, frame)).pixels[0].tolist()
    step = round(10 * white / 255)
    assert out == [step, 1 + step, white // 2 + step, white]


def test_a_camera_that_fills_fewer_bits_than_the_name_says() -> None:
    pixels = np.array([[0, 2048, 4095]], np.uint16)
    frame = codec.decode(image_message(pixels, 'mono16'), bits=12)
    assert codec.rgb_of(frame)[0, :, 0].tolist() == [0, 128, 255]
    assert codec.encode(codec.rgb_of(frame), frame) == image_message(pixels, 'mono16')
    darker = codec.decode(codec.encode(codec.rgb_of(frame) // 2, frame)).pixels[0].tolist()
    assert darker == [0, 2048 - round(64 * 4095 / 255), 4095 - round(128 * 4095 / 255)]
    assert codec.decode(image_message(pixels, 'mono10'), bits=12).bits == 0, 'the name says it better'


def test_values_above_the_promised_white_are_white_and_stay() -> None:
    pixels = np.array([[4095, 1023, 65535]], np.uint16)
    frame = codec.decode(image_message(pixels, 'mono10'))
    assert (codec.rgb_of(frame) == 255).all()
    assert codec.encode(codec.rgb_of(frame), frame) == image_message(pixels, 'mono10')


def grey(encoding: str) -> np.ndarray:
    """4x4 pixels of the grey level 90."""
    if encoding in PACKED:  # BT.601: 16 + 90 * 219 / 255
        luma_first = encoding in ('yuyv', 'yuv422_yuy2')
        return flat(4, 4, *((93, 128) if luma_first else (128, 93)))
    pixels = np.full_like(noise(encoding, 4, 4), 90)
    if encoding in PLANES:
        pixels[:4], pixels[4:] = 93, 128
    return pixels << (BITS[encoding] - 8) if encoding in BITS else pixels


@pytest.mark.parametrize('wanted', OUTPUT_ENCODINGS)
@pytest.mark.parametrize('encoding', SUPPORTED_ENCODINGS)
def test_every_encoding_goes_out_in_every_output_encoding(encoding: str, wanted: str) -> None:
    out = codec.decode(codec.convert(codec.decode(message_of(grey(encoding), encoding)), wanted))
    assert (out.encoding, out.header, out.height, out.width) == (wanted, HEADER, 4, 4)
    np.testing.assert_allclose(codec.rgb_of(out).astype(int), 90, atol=1)


@pytest.mark.parametrize(('encoding', 'wanted'), [('rgba8', 'bgra8'), ('bgra8', 'rgba8'), ('rgba8', 'rgba8')])
def test_alpha_is_kept(encoding: str, wanted: str) -> None:
    pixels = noise(encoding, 3, 5)
    frame = codec.decode(image_message(pixels, encoding))
    out = codec.decode(codec.encode(255 - codec.rgb_of(frame), frame, wanted)).pixels
    np.testing.assert_array_equal(out[..., 3], pixels[..., 3])
    colours = 255 - pixels[..., :3]
    np.testing.assert_array_equal(out[..., :3], colours if encoding == wanted else colours[..., ::-1])


@pytest.mark.parametrize('encoding', ['rgba16', 'bgra16', '16UC4'])
def test_alpha_of_16_bit_is_kept(encoding: str) -> None:
    pixels = noise(encoding, 3, 5)
    frame = codec.decode(image_message(pixels, encoding))
    same = codec.decode(codec.encode(255 - codec.rgb_of(frame), frame)).pixels
    np.testing.assert_array_equal(same[..., 3], pixels[..., 3])
    reduced = codec.decode(codec.convert(frame, 'rgba8')).pixels
    np.testing.assert_array_equal(reduced[..., 3], pixels[..., 3] >> 8)


def test_alpha_that_was_not_there_is_opaque() -> None:
    frame = codec.decode(image_message(noise('rgb8', 3, 5), 'rgb8'))
    assert (codec.decode(codec.convert(frame, 'rgba8')).pixels[..., 3] == 255).all()


@pytest.mark.parametrize('encoding', SUPPORTED_ENCODINGS)
def test_pixels_are_a_view_of_the_message(encoding: str) -> None:
    message = message_of(noise(encoding, 4, 4), encoding, padding=0 if encoding == 'nv24' else 3)
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
        ('yuyv', {'width': 5}, 'yuyv image of an odd width or height: got 5x4'),
        ('nv12', {'width': 5, 'step': 5}, 'odd width or height: got 5x4'),
        ('nv21', {'height': 3}, 'odd width or height: got 6x3'),
        ('nv24', {'step': 6, 'width': 7}, 'step is too small'),
        ('nv24', {'step': 20}, 'data is too short: got 72 bytes, want 226'),
        ('mono12', {'step': 11}, 'step is too small.*want 12'),
        ('bayer_rggb8', {'height': 2, 'width': 2}, 'Bayer image is too small: got 2x2'),
    ],
)
def test_malformed_messages_are_refused_with_what_is_wrong(encoding: str, changes: dict, fault: str) -> None:
    with pytest.raises(MalformedError, match=fault):
        codec.decode(image_message(PIXELS, encoding, **changes))


UNREAD = ('32FC1', '16UC1', '8SC3', '8UC2', '64FC4', 'bayer_rggb10p', 'h264', 'RGB8', ' rgb8', '', 'yuv420')


@pytest.mark.parametrize('encoding', UNREAD)
def test_an_encoding_that_is_not_read_is_told_apart_from_a_malformed_message(encoding: str) -> None:
    """The stream forwards the one byte for byte, and drops the other."""
    with pytest.raises(UnreadableEncodingError, match=f'not supported: got {encoding!r}, want one of rgb8'):
        codec.decode(image_message(PIXELS, encoding))


@pytest.mark.parametrize('changes', [{'height': 0}, {'width': 30000, 'height': 30000}, {'step': 1000}])
def test_an_unread_encoding_of_an_impossible_shape_is_malformed(changes: dict) -> None:
    with pytest.raises(MalformedError):
        codec.decode(image_message(PIXELS, '32FC1', **changes))


def test_data_behind_the_image_and_a_cut_last_padding_are_harmless() -> None:
    data = np.pad(PIXELS.reshape(4, 18), ((0, 0), (0, 2)))
    for changed in (np.append(data, np.zeros(100, np.uint8)), data.reshape(-1)[:-2]):
        frame = codec.decode(image_message(PIXELS, 'rgb8', step=20, data=changed))
        np.testing.assert_array_equal(frame.pixels, PIXELS)


@pytest.mark.parametrize('encoding', [name for name in SUPPORTED_ENCODINGS if name not in BITS])
def test_a_message_given_back_is_filled_again_without_another_copy(encoding: str) -> None:
    """The conversion writes into the message: nothing of the size of an image is allocated on the way."""
    height, width = 240, 320
    frame = codec.decode(message_of(noise(encoding, height, width), encoding))
    first, second = noise('rgb8', height, width), 255 - noise('rgb8', height, width)
    kept = codec.encode(first, frame)
    assert kept == codec.encode(first, frame)
    codec.encode(second, frame, into=kept)
    tracemalloc.start()
    try:
        again = codec.encode(second, frame, into=kept)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert again is kept
    assert kept == codec.encode(second, frame)
    assert peak < height * width / 8, f'{peak} bytes were allocated'


def test_a_message_of_another_size_gets_memory_of_its_own() -> None:
    small, large = (codec.decode(image_message(noise('rgb8', *size), 'rgb8')) for size in ((4, 6), (8, 6)))
    kept = codec.encode(codec.rgb_of(small), small)
    before = bytes(kept)
    other = codec.encode(codec.rgb_of(large), large, into=kept)
    assert other is not kept
    assert kept == before
    assert codec.convert(small, 'mono8', into=other) == codec.convert(small, 'mono8')


def test_messages_that_nobody_gave_back_never_share_memory() -> None:
    frame = codec.decode(image_message(noise('rgb8', 4, 6), 'rgb8'))
    messages = [np.frombuffer(codec.encode(codec.rgb_of(frame), frame), np.uint8) for _ in range(3)]
    assert not any(np.shares_memory(*pair) for pair in itertools.combinations(messages, 2))


def test_a_header_of_another_length_moves_the_pixels() -> None:
    """A frame_id may change while the size in bytes stays the same, because of alignment."""
    pixels = noise('rgb8', 4, 6)
    kept = None
    for frame_id in ('a', 'abc', 'abcdefgh', ''):
        header = HEADER._replace(frame_id=frame_id)
        frame = codec.decode(image_message(pixels, 'rgb8', header))
        kept = codec.encode(codec.rgb_of(frame), frame, into=kept)
        assert kept == image_message(pixels, 'rgb8', header)
