"""Compressed images: jpeg and png in, bgr8 frames out, and nothing that costs gigabytes."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from messages import HEADER, compressed_message

from restore_node.common.errors import EncodingError
from restore_node.messages import codec
from restore_node.messages.compressed import read_size

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
    assert read_size(data) == size


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
    with pytest.raises(EncodingError, match=f'cannot be decoded: got {len(data)} bytes.*want jpeg or png'):
        codec.decode_compressed(compressed_message(data))


@pytest.mark.parametrize('extension', ['.png', '.jpg'])
def test_picture_cut_anywhere_is_refused(extension: str) -> None:
    data = packed(extension)
    assert extension == '.png' or read_size(data[:-2]) is None  # an old OpenCV fills the rest with grey
    for end in range(0, len(data) - 2, 7):
        with pytest.raises(EncodingError):
            codec.decode_compressed(compressed_message(data[:end]))


@pytest.mark.parametrize('extension', ['.png', '.jpg'])
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
