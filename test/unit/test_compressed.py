"""Compressed images: jpeg, png, webp and tiff in, bgr8 frames out, and nothing that costs gigabytes."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from messages import HEADER, compressed_message, image_message

from restore_node.common.errors import EncodingError, MalformedError, UnreadableEncodingError
from restore_node.messages import cdr, codec
from restore_node.messages.compressed import read_sizes

PICTURE = cv2.resize(np.random.default_rng(3).integers(0, 256, (4, 6, 3), np.uint8), (45, 31))


def packed(extension: str, pixels: np.ndarray = PICTURE, *options: int) -> bytes:
    return cv2.imencode(extension, pixels, options)[1].tobytes()


def png_that_claims(height: int, width: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    claim = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', claim) + chunk(b'IDAT', b'') + chunk(b'IEND', b'')


def jpeg_that_claims(height: int, width: int) -> bytes:
    data = packed('.jpg')
    at = data.index(b'\xff\xc0') + 5
    return data[:at] + struct.pack('>HH', height, width) + data[at + 4 :]


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The same jpeg with an EXIF segment that says how the camera was held."""
    tiff = b'MM\0*' + struct.pack('>IHHHIHHI', 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b'Exif\0\0' + tiff
    return jpeg[:2] + b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize('form', ['png', 'bgr8; png compressed bgr8', ''])
def test_png_is_read_exactly(form: str) -> None:
    frame = codec.decode_compressed(compressed_message(packed('.png'), form))
    np.testing.assert_array_equal(frame.pixels, PICTURE)
    assert (frame.encoding, frame.header) == ('bgr8', HEADER)


@pytest.mark.parametrize(
    'options', [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)]
)
def test_jpeg_is_read(options: tuple[int, ...]) -> None:
    data = packed('.jpg', PICTURE, cv2.IMWRITE_JPEG_QUALITY, 98, *options)
    frame = codec.decode_compressed(compressed_message(data))
    np.testing.assert_allclose(frame.pixels.astype(int), PICTURE, atol=60)
    assert np.abs(frame.pixels.astype(int) - PICTURE).mean() < 6


@pytest.mark.parametrize('extension', ['.png', '.jpg'])
def test_grey_pictures_become_bgr8(extension: str) -> None:
    grey = cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY)
    pixels = codec.decode_compressed(compressed_message(packed(extension, grey))).pixels
    assert pixels.shape == PICTURE.shape
    assert np.abs(pixels.astype(int) - grey[..., None]).mean() < 6


def test_alpha_of_png_is_left_out() -> None:
    pixels = np.dstack([PICTURE, np.zeros(PICTURE.shape[:2], np.uint8)])
    frame = codec.decode_compressed(compressed_message(packed('.png', pixels)))
    np.testing.assert_array_equal(frame.pixels, PICTURE)


def test_16_bit_png_is_reduced_to_8() -> None:
    frame = codec.decode_compressed(compressed_message(packed('.png', PICTURE.astype(np.uint16) * 257)))
    np.testing.assert_array_equal(frame.pixels, PICTURE)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_pixels_stay_where_camera_info_has_them(orientation: int) -> None:
    jpeg = packed('.jpg')
    frame = codec.decode_compressed(compressed_message(with_orientation(jpeg, orientation)))
    np.testing.assert_array_equal(frame.pixels, codec.decode_compressed(compressed_message(jpeg)).pixels)


@pytest.mark.parametrize('size', [(1, 1), (31, 45), (2, 300)])
@pytest.mark.parametrize('options', [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
@pytest.mark.parametrize('extension', ['.png', '.jpg'])
def test_size_is_read_before_the_pixels(
    extension: str, options: tuple[int, ...], size: tuple[int, int]
) -> None:
    data = packed(extension, np.zeros((*size, 3), np.uint8), *(options if extension == '.jpg' else ()))
    assert read_sizes(data)[0] == size


@pytest.mark.parametrize('claim', [(30000, 30000), (0, 0), (0, 640), (65535, 1), (65500, 65500)])
@pytest.mark.parametrize('make', [png_that_claims, jpeg_that_claims])
def test_impossible_sizes_are_refused_undecoded(make: object, claim: tuple[int, int]) -> None:
    with pytest.raises(EncodingError, match=f'size is impossible: got {claim[1]}x{claim[0]}'):
        codec.decode_compressed(compressed_message(make(*claim)))


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'no image',
        b'\xff\xd8',
        b'\xff\xd8\xff\xd9',
        b'\x89PNG\r\n\x1a\n',
        b'\0' * 1000,
        packed('.bmp'),
        png_that_claims(31, 45),
    ],
    ids=['empty', 'text', 'jpeg start', 'jpeg ends', 'png start', 'zeros', 'bmp', 'png without pixels'],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError, match=f'cannot be decoded: got {len(data)} bytes.*want a whole jpeg'):
        codec.decode_compressed(compressed_message(data))


@pytest.mark.parametrize('extension', ['.png', '.jpg', '.webp', '.tiff'])
def test_picture_cut_anywhere_is_refused(extension: str) -> None:
    data = packed(extension)
    for end in range(0, len(data) - 3, 7):
        with pytest.raises(EncodingError):
            codec.decode_compressed(compressed_message(data[:end]))


ODDITIES = {
    'baseline': (),
    'progressive': (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    'restarts': (cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    'optimised': (cv2.IMWRITE_JPEG_OPTIMIZE, 1),
}
# What drivers send in place of the end marker: nothing, half of it, the rest of a buffer of fixed size.
ENDINGS = {'nothing': b'', 'half': b'\xff', 'zeros': bytes(500)}


@pytest.mark.parametrize('ending', ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize('options', ODDITIES.values(), ids=ODDITIES)
@pytest.mark.parametrize('seed', range(5))
def test_jpeg_without_its_end_marker_is_read(options: tuple[int, ...], ending: bytes, seed: int) -> None:
    picture = cv2.resize(np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8), (45, 31))
    data = packed('.jpg', picture, *options)
    assert data.endswith(b'\xff\xd9')
    whole = codec.decode_compressed(compressed_message(data)).pixels
    found = codec.decode_compressed(compressed_message(data[:-2] + ending)).pixels
    np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize('ending', ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize('options', [ODDITIES[name] for name in ('baseline', 'restarts', 'optimised')])
def test_jpeg_that_lacks_pixels_is_refused_whatever_stands_at_its_end(
    options: tuple[int, ...], ending: bytes
) -> None:
    data = packed('.jpg', PICTURE, *options)
    begin = data.index(b'\xff\xda')
    for end in range(begin + 14, len(data) - 3):
        with pytest.raises(MalformedError):
            codec.decode_compressed(compressed_message(data[:end] + ending))


def test_a_camera_that_leaves_out_the_end_marker_fills_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    for options in (ODDITIES[name] for name in ('baseline', 'restarts', 'optimised')):
        codec.decode_compressed(compressed_message(packed('.jpg', PICTURE, *options)[:-2]))
    assert capfd.readouterr().err == ''


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture() -> None:
    data = packed('.jpg')
    thumbnail = b'Exif\0\0' + packed('.jpg', PICTURE[:8, :8])
    data = data[:2] + b'\xff\xe1' + struct.pack('>H', len(thumbnail) + 2) + thumbnail + data[2:]
    codec.decode_compressed(compressed_message(data))
    with pytest.raises(MalformedError):
        codec.decode_compressed(compressed_message(data[: -len(data) // 6]))


def test_jpeg_of_countless_scans_is_refused_undecoded() -> None:
    """Each scan of a few bytes costs a pass over all the pixels that the file claims."""
    data = packed('.jpg', PICTURE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    scan = data[data.rindex(b'\xff\xda') : -2]
    assert len(codec.decode_compressed(compressed_message(data)).pixels)
    assert read_sizes(data)
    assert not read_sizes(data[:-2] + scan * 1000 + data[-2:])
    with pytest.raises(MalformedError):
        codec.decode_compressed(compressed_message(data[:-2] + scan * 1000 + data[-2:]))


LOSSLESS = {
    '.webp': (cv2.IMWRITE_WEBP_QUALITY, 101),
    '.tiff': (cv2.IMWRITE_TIFF_COMPRESSION, 5),
    '.png': (),
}


@pytest.mark.parametrize('extension', LOSSLESS)
@pytest.mark.parametrize('size', [(1, 1), (31, 45), (2, 300)])
def test_lossless_formats_are_read_exactly(extension: str, size: tuple[int, int]) -> None:
    picture = cv2.resize(PICTURE, size[::-1])
    data = packed(extension, picture, *LOSSLESS[extension])
    assert read_sizes(data)[0] == size
    frame = codec.decode_compressed(compressed_message(data, extension[1:]))
    np.testing.assert_array_equal(frame.pixels, picture)
    assert (frame.encoding, frame.header) == ('bgr8', HEADER)


def extended_webp(data: bytes) -> bytes:
    """The same webp in the extended container, which names its canvas."""
    height, width = read_sizes(data)[0]
    canvas = (width - 1).to_bytes(3, 'little') + (height - 1).to_bytes(3, 'little')
    body = b'WEBP' + b'VP8X' + struct.pack('<I', 10) + bytes(4) + canvas + data[12:]
    return b'RIFF' + struct.pack('<I', len(body)) + body


@pytest.mark.parametrize('quality', [80, 101], ids=['lossy', 'lossless'])
def test_every_kind_of_webp_is_read(quality: int) -> None:
    data = packed('.webp', PICTURE, cv2.IMWRITE_WEBP_QUALITY, quality)
    plain = codec.decode_compressed(compressed_message(data)).pixels
    assert plain.shape == PICTURE.shape
    assert read_sizes(extended_webp(data))[0] == PICTURE.shape[:2]
    extended = codec.decode_compressed(compressed_message(extended_webp(data))).pixels
    np.testing.assert_array_equal(extended, plain)


def webp_that_claims(height: int, width: int) -> bytes:
    canvas = (width - 1).to_bytes(3, 'little') + (height - 1).to_bytes(3, 'little')
    return b'RIFF' + struct.pack('<I', 22) + b'WEBPVP8X' + struct.pack('<I', 10) + bytes(4) + canvas


def tiff_that_claims(height: int, width: int, order: str = '<', **tags: int) -> bytes:
    numbers = {'bits': 258, 'samples': 277, 'rows': 278, 'tile_width': 322, 'tile_length': 323, 'again': 256}
    said = [(256, width), (257, height), *((numbers[name], value) for name, value in tags.items())]
    entries = b''.join(struct.pack(order + 'HHII', tag, 4, 1, value) for tag, value in said)
    head = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'IH', 8, len(said))
    return head + entries + bytes(4)


@pytest.mark.parametrize(
    'bomb',
    [
        webp_that_claims(30000, 30000),
        tiff_that_claims(30000, 30000),
        tiff_that_claims(30000, 30000, '>'),
        tiff_that_claims(31, 45, tile_width=30000, tile_length=30000),
        png_that_claims(30000, 30000),
        jpeg_that_claims(30000, 30000),
    ],
    ids=['webp', 'tiff', 'tiff big', 'tiff tile', 'png', 'jpeg'],
)
def test_decompression_bombs_cost_nothing(bomb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('a bomb was decoded'))
    message = compressed_message(bomb + bytes(100_000))
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError, match='size is impossible: got 30000x30000'):
            codec.decode_compressed(message)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('tags', [{'bits': 64}, {'samples': 5000}, {'again': 45}], ids=str)
def test_tiff_that_no_camera_makes_is_refused_undecoded(
    tags: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it was decoded'))
    with pytest.raises(MalformedError, match='cannot be decoded'):
        codec.decode_compressed(compressed_message(tiff_that_claims(31, 45, **tags)))


@pytest.mark.parametrize(
    'data', [b'no image', packed('.bmp'), bytes(12) + packed('.png'), b'\0\0\0\1\x67h264']
)
def test_data_of_another_kind_is_told_apart_from_a_damaged_picture(data: bytes) -> None:
    with pytest.raises(UnreadableEncodingError):
        codec.decode_compressed(compressed_message(data))


@pytest.mark.parametrize(
    ('encoding', 'text'),
    [
        ('rgb8', 'rgb8; {} compressed bgr8'),
        ('bgr8', 'bgr8; {} compressed bgr8'),
        ('rgba8', 'rgba8; {} compressed bgr8'),
        ('bgr16', 'bgr8; {} compressed bgr8'),
        ('8UC3', 'bgr8; {} compressed bgr8'),
        ('bayer_rggb8', 'bgr8; {} compressed bgr8'),
        ('mono8', 'mono8; {} compressed mono8'),
        ('mono12', 'mono8; {} compressed mono8'),
    ],
)
@pytest.mark.parametrize('form', ['png', 'jpeg'])
def test_restored_images_are_compressed_under_their_header(form: str, encoding: str, text: str) -> None:
    shape = {'bayer_rggb8': (31, 45), 'rgba8': (31, 45, 4), 'mono8': (31, 45), 'mono12': (31, 45)}
    dtype = np.uint16 if encoding in ('bgr16', 'mono12') else np.uint8
    pixels = np.zeros(shape.get(encoding, PICTURE.shape), dtype)
    frame = codec.decode(image_message(pixels, encoding, HEADER._replace(frame_id='front/left')))
    rgb = cv2.cvtColor(PICTURE, cv2.COLOR_BGR2RGB)
    message = codec.encode_compressed(rgb, frame, form)
    image = cdr.read_compressed_image(message)
    assert (image.header, image.format) == (frame.header, text.format(form))
    assert message == compressed_message(image.data.tobytes(), image.format, frame.header)
    wanted = PICTURE
    if 'mono' in encoding:
        wanted = np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    found = codec.decode_compressed(message).pixels.astype(int)
    assert np.abs(found - wanted).mean() == 0 if form == 'png' else np.abs(found - wanted).mean() < 8


@pytest.mark.parametrize('output', ['', 'rgb8', 'bgra8'])
@pytest.mark.parametrize(('form', 'extension'), [('jpeg', '.jpg'), ('png', '.png')])
def test_a_file_that_goes_out_as_it_came_is_kept(form: str, extension: str, output: str) -> None:
    message = compressed_message(packed(extension), 'as the camera calls it')
    frame = codec.decode_compressed(message)
    raw = codec.decode(codec.convert(frame, output or codec.output_encoding(frame)))
    kept = codec.keep_compressed(message, raw, form)
    encoded_anew = cdr.read_compressed_image(codec.encode_compressed(codec.rgb_of(raw), raw, form))
    assert kept == compressed_message(packed(extension), encoded_anew.format, frame.header)


@pytest.mark.parametrize(
    ('data', 'form'),
    [
        (packed('.jpg'), 'png'),
        (packed('.png'), 'jpeg'),
        (packed('.webp'), 'jpeg'),
        (packed('.jpg', PICTURE[..., 0]), 'jpeg'),
        (packed('.png', PICTURE[..., 0]), 'png'),
        (packed('.png', PICTURE.astype(np.uint16)), 'png'),
        (packed('.png', np.dstack([PICTURE, PICTURE[..., 0]])), 'png'),
    ],
    ids=['jpeg', 'png', 'webp', 'grey jpeg', 'grey png', '16-bit png', 'png with alpha'],
)
def test_another_file_than_is_wanted_is_made_anew(data: bytes, form: str) -> None:
    message = compressed_message(data)
    frame = codec.decode_compressed(message)
    assert codec.keep_compressed(message, frame, form) is None


def test_a_colour_file_is_not_kept_of_an_image_that_goes_out_grey() -> None:
    message = compressed_message(packed('.jpg'))
    grey = codec.decode(codec.convert(codec.decode_compressed(message), 'mono8'))
    assert codec.keep_compressed(message, grey) is None


def test_quality_decides_the_size_of_a_jpeg() -> None:
    frame = codec.decode(image_message(PICTURE, 'bgr8'))
    sizes = [len(codec.encode_compressed(PICTURE, frame, 'jpeg', quality)) for quality in (10, 50, 95)]
    assert sizes == sorted(set(sizes))


def test_a_single_pixel_is_compressed() -> None:
    frame = codec.decode(image_message(PICTURE[:1, :1], 'bgr8'))
    assert codec.decode_compressed(codec.encode_compressed(PICTURE[:1, :1], frame, 'png')).height == 1


@pytest.mark.parametrize('extension', ['.png', '.jpg', '.webp', '.tiff'])
def test_damaged_pictures_raise_nothing_else(extension: str) -> None:
    data = packed(extension)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 8)):
            damaged[at] = rng.integers(0, 256)
        try:
            codec.decode_compressed(compressed_message(bytes(damaged)))
        except EncodingError:
            refused += 1
    assert refused > 0
