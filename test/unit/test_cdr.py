"""Our reading and writing of serialised messages against that of rosbags."""

from __future__ import annotations

import numpy as np
import pytest
from messages import HEADER, camera_info_message, compressed_message, image_message

from restore_node.common.errors import EncodingError
from restore_node.messages import cdr
from restore_node.messages.frame import Header

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
FRAME_IDS = ['', 'a', 'ab', 'abc', 'abcd', 'camera/front_left', 'Kamera vorn über Straße']
ODD_STAMPS = [(0, 0), (-1, 4_294_967_295), (-(2**31), 1_000_000_000), (2**31 - 1, 999_999_999)]


@pytest.mark.parametrize('encoding', ['rgb8', 'mono8', 'bayer_rggb8'])
@pytest.mark.parametrize('frame_id', FRAME_IDS)
def test_image_is_written_byte_for_byte_like_rosbags_does(frame_id: str, encoding: str) -> None:
    header = HEADER._replace(frame_id=frame_id)
    message, data = cdr.new_image(header, 2, 3, encoding, 9)
    data[:] = PIXELS.reshape(2, 9)
    assert bytes(message) == image_message(PIXELS, encoding, header)


@pytest.mark.parametrize('little_endian', [True, False])
@pytest.mark.parametrize('frame_id', FRAME_IDS)
def test_messages_are_read(frame_id: str, little_endian: bool) -> None:
    header = HEADER._replace(frame_id=frame_id)
    image = cdr.read_image(image_message(PIXELS, 'rgb8', header, padding=2, little_endian=little_endian))
    assert image[:-1] == (header, 2, 3, 'rgb8', False, 11)
    assert image.data.reshape(2, 11)[:, :9].tobytes() == PIXELS.tobytes()
    info = camera_info_message(480, 640, header, little_endian=little_endian)
    assert cdr.read_camera_info_head(info) == (header, 480, 640)
    assert cdr.read_stamp_ns(info) == header.stamp_ns


@pytest.mark.parametrize('frame_id', FRAME_IDS)
@pytest.mark.parametrize('form', ['jpeg', 'rgb8; jpeg compressed bgr8', ''])
def test_compressed_image_is_read(form: str, frame_id: str) -> None:
    header = HEADER._replace(frame_id=frame_id)
    image = cdr.read_compressed_image(compressed_message(b'\xff\xd8 pixels', form, header))
    assert image[:-1] == (header, form)
    assert image.data.tobytes() == b'\xff\xd8 pixels'


@pytest.mark.parametrize(('sec', 'nanosec'), ODD_STAMPS)
def test_odd_stamps_survive_bit_for_bit(sec: int, nanosec: int) -> None:
    header = Header(sec, nanosec, 'camera')
    message = image_message(PIXELS, 'rgb8', header)
    assert cdr.read_image(message).header == header
    assert bytes(cdr.new_image(header, 2, 3, 'rgb8', 9)[0])[:24] == message[:24]


def test_frame_id_that_is_not_utf8_survives() -> None:
    message = image_message(PIXELS, 'rgb8', HEADER._replace(frame_id='XYcam')).replace(b'XY', b'\xff\xe4')
    header = cdr.read_image(message).header
    written, data = cdr.new_image(header, 2, 3, 'rgb8', 9)
    data[:] = PIXELS.reshape(2, 9)
    assert bytes(written) == message


def test_pixels_are_a_read_only_view_of_the_message() -> None:
    message = image_message(PIXELS, 'rgb8')
    data = cdr.read_image(message).data
    assert np.shares_memory(data, np.frombuffer(message, np.uint8))
    assert not data.flags.writeable


@pytest.mark.parametrize('little_endian', [True, False])
def test_message_cut_anywhere_is_refused(little_endian: bool) -> None:
    header = HEADER._replace(frame_id='cam')
    image = image_message(PIXELS, 'rgb8', header, little_endian=little_endian)
    info = camera_info_message(2, 3, header, little_endian=little_endian)
    for end in range(len(image)):
        with pytest.raises(EncodingError):
            cdr.read_image(image[:end])
    for end in range(4 + 8 + 4 + 4 + 8):  # encapsulation, stamp, frame_id, height and width
        with pytest.raises(EncodingError):
            cdr.read_camera_info_head(info[:end])
    for end in range(12):
        assert cdr.read_stamp_ns(info[:end]) is None


def test_compressed_message_cut_anywhere_is_refused() -> None:
    message = compressed_message(b'pixels', 'jpeg', HEADER._replace(frame_id='cam'))
    for end in range(len(message)):
        with pytest.raises(EncodingError):
            cdr.read_compressed_image(message[:end])


@pytest.mark.parametrize('kind', [b'\x00\x02', b'\x00\x03', b'\x00\x07', b'\xff\xff'])
def test_other_serialisations_are_refused(kind: bytes) -> None:
    with pytest.raises(EncodingError, match='plain CDR'):
        cdr.read_image(kind + image_message(PIXELS, 'rgb8')[2:])


@pytest.mark.parametrize('little_endian', [True, False])
@pytest.mark.parametrize(('sec', 'nanosec'), ODD_STAMPS)
def test_restamp_changes_the_stamp_and_nothing_else(sec: int, nanosec: int, little_endian: bool) -> None:
    stamp = Header(sec, nanosec, 'ignored')
    restamped = cdr.restamp(camera_info_message(2, 3, little_endian=little_endian), stamp)
    wanted = HEADER._replace(sec=sec, nanosec=nanosec)
    assert restamped == camera_info_message(2, 3, wanted, little_endian=little_endian)
