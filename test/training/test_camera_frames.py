"""Photographs from videos and bags of the user's own camera."""

import cv2
import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore
from scenery import textured, write_video

from restore_node.common.errors import EncodingError, InputError, RestoreError
from restore_node.messages.bag import BagWriter, Message, Topic
from restore_node.messages.cdr import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE, new_image
from restore_node.messages.frame import Header
from training.config.data import DataConfig, PhotographsConfig, SourceConfig
from training.data.patch_source import PatchSource
from training.data.photographs import find_photographs, hold_out
from training.degradation.blur.ranges import MotionRanges
from training.degradation.ranges import DegradationConfig, SensorRanges

GREYS = [20 * index for index in range(12)]


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('video') / 'drive.avi'
    return write_video(path, (np.full((48, 64, 3), grey, np.uint8) for grey in GREYS))


def raw(encoding, pixels, sec):
    message, data = new_image(Header(sec, 0, 'camera'), *pixels.shape[:2], encoding, pixels[0].nbytes)
    data[:] = pixels.view(np.uint8).reshape(data.shape)
    return bytes(message)


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """One topic of bgr8, one of another encoding, and one that holds no images."""
    path = tmp_path_factory.mktemp('bag') / 'my_drive'
    with BagWriter(path) as writer:
        for topic, kind in (('/front', IMAGE_TYPE), ('/rear', IMAGE_TYPE), ('/note', 'std_msgs/msg/String')):
            writer.add_topic(Topic(topic, kind))
        for index, grey in enumerate(GREYS):
            blue = np.zeros((4, 6, 3), np.uint8)
            blue[..., 0] = grey
            time_ns = (index + 1) * 10**8
            writer.write(Message('/front', IMAGE_TYPE, time_ns, raw('bgr8', blue, index)))
            writer.write(Message('/rear', IMAGE_TYPE, time_ns, raw('mono8', blue[..., 0], index)))
        writer.write(Message('/note', 'std_msgs/msg/String', 10**8, b'\0\1\0\0\1\0\0\0\0'))
    return path


def test_every_nth_frame_of_a_video_is_a_photograph(video):
    found = find_photographs([str(video)], frame_stride=5)
    assert [photograph.name for photograph in found] == [f'drive.avi#{n:06d}' for n in (0, 5, 10)]
    for photograph, number in zip(found, (0, 5, 10), strict=True):
        pixels = photograph.read()
        assert pixels.shape == (48, 64, 3)
        assert abs(float(pixels.mean()) - GREYS[number]) < 3


def test_frames_of_a_video_are_held_out_by_their_names(video):
    sharp, apart = hold_out(find_photographs([str(video)]), ['*#00001?'])
    assert [photograph.name[-2:] for photograph in apart] == ['10', '11']
    assert len(sharp) == 10


def test_a_file_that_does_not_play_is_named(tmp_path):
    path = tmp_path / 'broken.mp4'
    path.write_bytes(b'no video')
    with pytest.raises(InputError, match=r'broken\.mp4'):
        find_photographs([str(path)])


def test_every_image_topic_of_a_bag_gives_rgb(bag):
    found = find_photographs([str(bag)], frame_stride=4)
    assert [photograph.name for photograph in found] == [
        f'my_drive/{topic}#{number:06d}' for topic in ('front', 'rear') for number in (0, 4, 8)
    ]
    assert found[1].read()[0, 0].tolist() == [0, 0, 80]
    assert found[5].read()[0, 0].tolist() == [160, 160, 160]
    assert [photograph.name for photograph in find_photographs([str(next(bag.glob('*.mcap')))], 12)] == [
        'my_drive.mcap/front#000000',
        'my_drive.mcap/rear#000000',
    ]


def test_compressed_topics_are_read(tmp_path):
    path = tmp_path / 'compressed'
    store = get_typestore(Stores.ROS2_JAZZY)
    header = store.types['std_msgs/msg/Header'](store.types['builtin_interfaces/msg/Time'](1, 0), 'camera')
    png = cv2.imencode('.png', np.full((5, 7, 3), (1, 2, 3), np.uint8))[1].ravel()
    message = store.types[COMPRESSED_IMAGE_TYPE](header, 'png', png)
    with BagWriter(path) as writer:
        writer.add_topic(Topic('/front/compressed', COMPRESSED_IMAGE_TYPE))
        data = bytes(store.serialize_cdr(message, COMPRESSED_IMAGE_TYPE))
        writer.write(Message('/front/compressed', COMPRESSED_IMAGE_TYPE, 5, data))
    assert find_photographs([str(path)])[0].read()[0, 0].tolist() == [3, 2, 1]


def test_a_topic_that_holds_no_photographs_is_refused_at_once(tmp_path, bag):
    path = tmp_path / 'depth'
    with BagWriter(path) as writer:
        writer.add_topic(Topic('/depth', IMAGE_TYPE))
        writer.write(Message('/depth', IMAGE_TYPE, 1, raw('32FC1', np.ones((2, 2), np.float32), 0)))
    with pytest.raises(EncodingError, match='32FC1'):
        find_photographs([str(path)])
    (tmp_path / 'cut.mcap').write_bytes(next(bag.glob('*.mcap')).read_bytes()[:600])
    with pytest.raises(RestoreError, match=r'cut\.mcap'):
        find_photographs([str(tmp_path / 'cut.mcap')])


@pytest.fixture(scope='module')
def panning(tmp_path_factory):
    """A video in which a textured scene moves by six pixels a frame."""
    path = tmp_path_factory.mktemp('panning') / 'panning.avi'
    return write_video(path, (textured()[:, left : left + 180] for left in range(0, 36, 6)))


def test_a_frame_reads_on_to_the_end(panning, bag):
    frames = find_photographs([str(panning)])
    following = frames[3].read_on(5)
    assert len(following) == 3
    for ahead, image in enumerate(following):
        assert np.array_equal(image, frames[3 + ahead].read())
    rear = find_photographs([str(bag)])[-2]
    assert [int(image[0, 0, 0]) for image in rear.read_on(3)] == GREYS[-2:]


def test_blur_between_frames_is_the_motion_of_the_camera(panning):
    degradation = DegradationConfig(
        kinds={'blur': 1.0},
        motion=MotionRanges(exposure=(2.0, 2.0), shake_share=0.0, highlight_share=0.0),
        sensor=SensorRanges(read_noise=(0.0, 0.0), shot_noise=(0.0, 0.0), jpeg_share=0.0),
    )
    sharp = PhotographsConfig((str(panning),), smallest_scale=1.0, real_motion=1.0)
    data = DataConfig((SourceConfig('mine', photographs=sharp),), patch_px=64, crop_px=64, turns=False)
    frames = find_photographs(sharp.roots)
    source = PatchSource(frames[:1], sharp, data, degradation, 3, 1)
    blurred, sharp = (image.astype(float) for image in source.sample(0))
    # Detail is lost along the motion, not across it.
    along, across = (
        np.abs(np.diff(blurred, axis=axis)).mean() / np.abs(np.diff(sharp, axis=axis)).mean()
        for axis in (1, 0)
    )
    assert along < 0.6 * across
    # The truth is the middle frame, of three: it lies in the second as it came.
    second = frames[1].read()
    windows = [np.flip(sharp, axes) for axes in ((), (0,), (1,), (0, 1))]
    found = [cv2.matchTemplate(second, window.astype(np.uint8), cv2.TM_SQDIFF).min() for window in windows]
    assert min(found) == 0.0


def box(data, *names):
    """Where a box of an mp4 file begins, its length, and the same of those around it."""
    places, start, end = [], 0, len(data)
    for name in names:
        while start < end:
            length = int.from_bytes(data[start : start + 4], 'big')
            if data[start + 4 : start + 8] == name:
                places.append((start, length))
                break
            start += length
        start, end = start + 8, start + length
    return places


def with_durations(data, durations):
    """An mp4 file whose frames are shown for so many units each; its header lies behind its pictures."""
    places = box(data, b'moov', b'trak', b'mdia', b'minf', b'stbl', b'stts')
    (start, length), outer = places[-1], places[:-1]
    entries = b''.join(int(part).to_bytes(4, 'big') for one in durations for part in (1, one))
    body = b'stts' + bytes(4) + len(durations).to_bytes(4, 'big') + entries
    made = data[:start] + (len(body) + 4).to_bytes(4, 'big') + body + data[start + length :]
    for place, was in outer:
        longer = was + len(body) + 4 - length
        made = made[:place] + longer.to_bytes(4, 'big') + made[place + 4 :]
    return made


def test_frames_of_a_video_of_variable_rate_are_those_that_it_shows(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    path, count = tmp_path / 'phone.mp4', 90
    colours = ((5 * number % 230, 9 * number % 230, 90) for number in range(count))
    write_video(path, (np.full((48, 64, 3), colour, np.uint8) for colour in colours), 'mp4v', 30.0)
    data = path.read_bytes()
    (start, _) = box(data, b'moov', b'trak', b'mdia', b'minf', b'stbl', b'stts')[-1]
    unit = int.from_bytes(data[start + 20 : start + 24], 'big')
    durations = [unit * (1 if number % 30 < 20 else 4) for number in range(count)]
    # The edit list would end the video at its old length.
    path.write_bytes(with_durations(data, durations).replace(b'edts', b'free'))

    capture = cv2.VideoCapture(str(path))
    shown = [capture.read()[1][..., ::-1] for _ in range(count)]
    assert not capture.read()[0]
    frames = find_photographs([str(path)])
    assert len(frames) == count
    for number in (34, 0, 89, 25, 60, 61):
        assert np.array_equal(frames[number].read(), shown[number])
    assert np.array_equal(frames[40].read_on(3), shown[40:43])
