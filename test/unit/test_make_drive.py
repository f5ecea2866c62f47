"""The drive folder against docs/contracts.md section 4, and the honesty of its pictures."""

from __future__ import annotations

import filecmp
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

pytest.importorskip(
    'skimage', reason='scikit-image, whose photographs the drive shows, is not installed here'
)

from restore_node.common.metrics import psnr
from restore_node.messages import codec
from restore_node.messages.bag import BagReader
from restore_node.messages.cdr import CAMERA_INFO_TYPE
from training.commands import make_drive
from training.drive.scenes import fit, load_photographs

SIZE = 640, 360


def make(out: Path, *options: object) -> Path:
    assert make_drive.main([str(out), *(str(option) for option in options)]) == 0
    return out


@pytest.fixture(scope='module')
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's size, at half its length."""
    return make(tmp_path_factory.mktemp('drive') / 'drive', '--seconds', 6)


def read_truth(drive: Path, index: int) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(drive / 'truth' / f'{index:06d}.png')), cv2.COLOR_BGR2RGB)


def test_the_description(drive):
    described = json.loads((drive / 'drive.json').read_text())
    assert (described['format'], described['topic']) == (1, '/camera/image_raw')
    assert (described['width'], described['height'], described['rate_hz'], described['seed']) == (
        *SIZE,
        10.0,
        7,
    )
    assert 'motorcycle_left' in described['source']
    names = [segment['name'] for segment in described['segments']]
    assert names == ['clean', 'blur', 'streaks', 'drops', 'all']
    at = 0
    for segment in described['segments']:
        assert (segment['first'], segment['count'] > 0) == (at, True)
        at += segment['count']
    assert at == len(described['stamps_ns']) == len(list((drive / 'truth').iterdir())) == 60
    assert set(np.diff(described['stamps_ns'])) == {100_000_000}


def test_every_image_has_its_stamp_and_its_camera_info(drive):
    described = json.loads((drive / 'drive.json').read_text())
    store = get_typestore(Stores.ROS2_JAZZY)
    with BagReader(drive / 'bag') as bag:
        assert {topic.name for topic in bag.topics} == {'/camera/image_raw', '/camera/camera_info'}
        frames = [(codec.decode(m.data), m.time_ns) for m in bag.messages(['/camera/image_raw'])]
        infos = [
            store.deserialize_cdr(m.data, CAMERA_INFO_TYPE) for m in bag.messages(['/camera/camera_info'])
        ]
    assert [frame.header.stamp_ns for frame, _ in frames] == described['stamps_ns']
    assert [time for _, time in frames] == described['stamps_ns']
    for (frame, _), info in zip(frames, infos, strict=True):
        assert (frame.encoding, frame.width, frame.height) == ('rgb8', *SIZE)
        assert (info.header.stamp.sec, info.header.stamp.nanosec) == frame.header[:2]
        assert info.header.frame_id == frame.header.frame_id == 'camera'
        assert (info.width, info.height, info.distortion_model, len(info.d)) == (*SIZE, 'plumb_bob', 5)
        assert info.k[0] == info.p[0] > 0


def test_how_much_each_segment_is_degraded(drive):
    described = json.loads((drive / 'drive.json').read_text())
    with BagReader(drive / 'bag') as bag:
        frames = [codec.decode(message.data).pixels for message in bag.messages(['/camera/image_raw'])]
    scores = [psnr(frame, read_truth(drive, index)) for index, frame in enumerate(frames)]
    for segment in described['segments']:
        mean = np.mean(scores[segment['first'] : segment['first'] + segment['count']])
        low, high = (42, 45) if segment['name'] == 'clean' else (20, 27)
        assert low < mean < high, segment['name']


def test_the_truth_is_the_photograph_itself(drive):
    photographs = load_photographs(SIZE)
    assert {name: photograph.shape for name, photograph in photographs.items()} == {
        'motorcycle_left': (500, 741, 3),
        'rocket': (427, 640, 3),
        'motorcycle_right': (500, 741, 3),
    }, 'at this size no photograph is resized'
    for index in (0, 20, 40, 59):
        truth = read_truth(drive, index)
        assert any(_holds(photograph, truth) for photograph in photographs.values())


def _holds(photograph: np.ndarray, view: np.ndarray) -> bool:
    """Whether the view is a piece of the photograph, bit for bit."""
    height, width = view.shape[:2]
    x, y = cv2.minMaxLoc(cv2.matchTemplate(photograph, view, cv2.TM_SQDIFF))[2]
    return np.array_equal(photograph[y : y + height, x : x + width], view)


def test_the_camera_moves(drive):
    assert not np.array_equal(read_truth(drive, 0), read_truth(drive, 1))


def test_the_same_seed_makes_the_same_drive(tmp_path):
    options = ('--size', '160x96', '--seconds', 2, '--rate', 5, '--seed')
    first, again, other = (
        make(tmp_path / name, *options, seed) for name, seed in (('a', 1), ('b', 1), ('c', 2))
    )
    files = sorted(path.relative_to(first) for path in first.rglob('*') if path.is_file())
    match, mismatch, errors = filecmp.cmpfiles(first, again, [str(path) for path in files], shallow=False)
    assert (len(match), mismatch, errors) == (len(files), [], [])
    assert not filecmp.cmp(first / 'bag' / 'bag.mcap', other / 'bag' / 'bag.mcap', shallow=False)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds of 320x240 at 20 Hz."""
    photograph = cv2.resize(load_photographs(SIZE)['motorcycle_left'], (400, 270))
    writer = cv2.VideoWriter(str(tmp_path / 'drive.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 20.0, (320, 240))
    for index in range(40):
        writer.write(np.ascontiguousarray(photograph[10:250, index : index + 320, ::-1]))
    writer.release()
    return tmp_path / 'drive.mp4'


def test_a_users_video(video, tmp_path):
    drive = make(tmp_path / 'drive', '--video', video, '--size', '160x90')
    described = json.loads((drive / 'drive.json').read_text())
    assert described['source'] == 'drive.mp4'
    assert (described['width'], described['height'], len(described['stamps_ns'])) == (160, 90, 20)
    assert read_truth(drive, 19).shape == (90, 160, 3)
    with BagReader(drive / 'bag') as bag:
        frames = [codec.decode(message.data).pixels for message in bag.messages(['/camera/image_raw'])]
    blurred = next(segment for segment in described['segments'] if segment['name'] == 'blur')
    assert (
        psnr(frames[0], read_truth(drive, 0))
        > 40
        > psnr(frames[blurred['first']], read_truth(drive, blurred['first']))
    )


def test_a_small_video_is_not_enlarged(video, tmp_path):
    drive = make(tmp_path / 'drive', '--video', video, '--size', '1280x720', '--seconds', 1)
    described = json.loads((drive / 'drive.json').read_text())
    assert (described['width'], described['height']) == (320, 240)


def test_fitting_covers_the_size_and_keeps_the_middle():
    wide = np.zeros((100, 400, 3), np.uint8)
    wide[:, 150:250] = 200
    fitted = fit(wide, (50, 50))
    assert fitted.shape == (50, 50, 3)
    assert fitted.min() > 190


@pytest.mark.parametrize(
    ('options', 'fault'),
    [
        (['--size', '1000x1000'], '741x500'),
        (['--seconds', '0.3'], 'too short'),
        (['--video', 'gone.mp4'], 'gone.mp4'),
        (['--video', __file__], 'test_make_drive.py'),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, capfd, options, fault):
    assert make_drive.main([str(tmp_path / 'drive'), *options]) == 2
    error = capfd.readouterr().err
    assert error.splitlines()[-1].startswith('error: ')
    assert fault in error
    assert list(tmp_path.iterdir()) == []


def test_never_overwrites(tmp_path, capsys):
    assert make_drive.main([str(tmp_path)]) == 2
    assert 'exists already' in capsys.readouterr().err
