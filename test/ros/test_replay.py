"""`ros2 launch restore_node replay.launch.py`: a real bag, the real node, real DDS (contract section 5)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from ament_index_python.packages import PackageNotFoundError, get_package_share_path
from rosbags.typesys import Stores, get_typestore
from waiting import wait_until

from restore_node.messages.bag import BagReader, BagWriter, Message, Topic, qos
from restore_node.messages.cdr import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
    new_image,
    read_image,
)
from restore_node.messages.frame import Header


def is_built() -> bool:
    try:
        return get_package_share_path('restore_node').is_dir()
    except PackageNotFoundError:
        return False


pytestmark = [
    pytest.mark.ros,
    pytest.mark.skipif(not is_built(), reason='the package is not built: make build'),
]

FRAMES, HEIGHT, WIDTH = 20, 90, 121
STORE = get_typestore(Stores.ROS2_JAZZY)
STAMPS_NS = [1_700_000_000_123_456_789 + 100_000_000 * index for index in range(FRAMES)]
FRAME_ID = 'camera_optical'


def pixels(index: int) -> np.ndarray:
    """Random pixels that plus-ten does not clip: uint8 `[HEIGHT, WIDTH, 3]`, RGB."""
    return np.random.default_rng(index).integers(0, 240, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def raw_image(index: int) -> bytes:
    header = Header(*divmod(STAMPS_NS[index], 10**9), FRAME_ID)
    message, data = new_image(header, HEIGHT, WIDTH, 'rgb8', WIDTH * 3)
    data[:] = pixels(index).reshape(HEIGHT, -1)
    return bytes(message)


def header_of(index: int) -> object:
    sec, nanosec = divmod(STAMPS_NS[index], 10**9)
    stamp = STORE.types['builtin_interfaces/msg/Time'](sec, nanosec)
    return STORE.types['std_msgs/msg/Header'](stamp, FRAME_ID)


def compressed_image(index: int) -> bytes:
    data = np.frombuffer(cv2.imencode('.png', pixels(index)[..., ::-1])[1].tobytes(), np.uint8)
    message = STORE.types[COMPRESSED_IMAGE_TYPE](header_of(index), 'png', data)
    return bytes(STORE.serialize_cdr(message, COMPRESSED_IMAGE_TYPE))


def camera_info(index: int) -> bytes:
    region = STORE.types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    k, r, p = np.eye(3).ravel(), np.eye(3).ravel(), np.eye(3, 4).ravel()
    message = STORE.types[CAMERA_INFO_TYPE](
        header_of(index), HEIGHT, WIDTH, 'plumb_bob', np.zeros(5), k, r, p, 0, 0, region
    )
    return bytes(STORE.serialize_cdr(message, CAMERA_INFO_TYPE))


def write_bag(path: Path, topic: str = '/camera/image_raw') -> Path:
    """Two seconds at 10 Hz."""
    compressed = topic.endswith('/compressed')
    image_type = COMPRESSED_IMAGE_TYPE if compressed else IMAGE_TYPE
    info_topic = topic.removesuffix('/compressed').rpartition('/')[0] + '/camera_info'
    with BagWriter(path) as bag:
        bag.add_topic(Topic(topic, image_type, qos=(qos(),)))
        bag.add_topic(Topic(info_topic, CAMERA_INFO_TYPE, qos=(qos(),)))
        for index, time_ns in enumerate(STAMPS_NS):
            image = compressed_image(index) if compressed else raw_image(index)
            bag.write(Message(topic, image_type, time_ns, image))
            bag.write(Message(info_topic, CAMERA_INFO_TYPE, time_ns, camera_info(index)))
    return path


@pytest.fixture
def model(make_model) -> Path:
    """Adds ten grey levels."""
    return make_model()


@pytest.fixture(scope='module')
def bag(tmp_path_factory) -> Path:
    return write_bag(tmp_path_factory.mktemp('bags') / 'two_seconds')


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    process = start(command)
    try:
        out, said = process.communicate(timeout=300)
    finally:
        end(process)
    return subprocess.CompletedProcess(command, process.returncode, out, said)


def start(command: list[str]) -> subprocess.Popen[str]:
    """Start a process in a group of its own, so that nothing of it outlives a test."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def is_ready_to_be_stopped(group: int) -> bool:
    """Whether a process of the group handles SIGTERM, for which Python by itself has no handler."""
    for status in Path('/proc').glob('[0-9]*/status'):
        with contextlib.suppress(OSError, ValueError):
            if os.getpgid(int(status.parent.name)) == group:
                caught = next(line for line in status.read_text().splitlines() if line.startswith('SigCgt'))
                if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                    return True
    return False


def end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def launch(**arguments: object) -> subprocess.CompletedProcess[str]:
    command = ['ros2', 'launch', 'restore_node', 'replay.launch.py']
    command += [f'{name}:={value}' for name, value in arguments.items()]
    return run(command)


def ros2_run(*arguments: object) -> list[str]:
    return ['ros2', 'run', 'restore_node', *map(str, arguments)]


@pytest.mark.parametrize('topic', ['/camera/image_raw', '/front/cam/image_raw/compressed'])
def test_replay_records_what_the_node_makes_of_each_frame(tmp_path, bag, model, topic):
    played_bag = bag if topic == '/camera/image_raw' else write_bag(tmp_path / 'bag', topic)
    done = launch(bag=played_bag, output=tmp_path / 'out', model=model, topic=topic)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'journal.jsonl',
        'player.json',
        'restored',
    ]

    player = json.loads((tmp_path / 'out' / 'player.json').read_text())
    assert player['frames_played'] == FRAMES
    assert player['stamps_ns'] == STAMPS_NS
    assert player['topic'] == topic
    assert player['duration_s'] >= 1.9 - 0.1  # how much slower is up to the machine

    *frames, last = [
        json.loads(line) for line in (tmp_path / 'out' / 'journal.jsonl').read_text().splitlines()
    ]
    assert {frame['stamp_ns'] for frame in frames} <= set(STAMPS_NS)
    assert last['summary']['received'] == len(frames)
    assert last['summary']['in_flight'] == 0
    restored = {frame['stamp_ns'] for frame in frames if frame['outcome'] == 'restored'}
    assert restored

    base = topic.removesuffix('/image_raw').removesuffix('/image_raw/compressed')
    with BagReader(tmp_path / 'out' / 'restored') as reader:
        images = [read_image(message.data) for message in reader.messages([f'{base}/image_restored'])]
        log_times = [message.time_ns for message in reader.messages([f'{base}/image_restored'])]
        infos = [message.data for message in reader.messages([f'{base}/camera_info'])]
    assert {image.header.stamp_ns for image in images} == restored
    for image, log_time in zip(images, log_times, strict=True):
        index = STAMPS_NS.index(image.header.stamp_ns)
        assert image.header == Header(*divmod(STAMPS_NS[index], 10**9), FRAME_ID)
        assert (image.height, image.width) == (HEIGHT, WIDTH)
        colours = image.data.reshape(HEIGHT, WIDTH, 3)
        rgb = colours if image.encoding == 'rgb8' else colours[..., ::-1]
        np.testing.assert_array_equal(rgb, pixels(index) + 10)
        # Recorded in the bag's time, a little after the stamp.
        assert 0 <= log_time - image.header.stamp_ns < 60 * 10**9
    # What is only passed along arrives byte for byte; DDS pads a message to a multiple of four bytes.
    assert infos
    size = len(camera_info(0))
    assert {info[:size] for info in infos} <= {camera_info(index) for index in range(FRAMES)}
    assert max(len(info) for info in infos) < size + 4


def write_drive(folder: Path, bag: Path, offset: int) -> Path:
    """A drive whose truth is the played frame plus `offset` grey levels."""
    (folder / 'truth').mkdir(parents=True)
    (folder / 'bag').symlink_to(bag)
    for index in range(FRAMES):
        truth = (pixels(index).astype(int) + offset).astype(np.uint8)
        cv2.imwrite(str(folder / 'truth' / f'{index:06d}.png'), truth[..., ::-1])
    half = FRAMES // 2
    description = {
        'format': 1,
        'topic': '/camera/image_raw',
        'source': 'a test',
        'stamps_ns': STAMPS_NS,
        'segments': [
            {'name': 'early', 'first': 0, 'count': half},
            {'name': 'late', 'first': half, 'count': FRAMES - half},
        ],
    }
    (folder / 'drive.json').write_text(json.dumps(description))
    return folder


@pytest.mark.parametrize(('offset', 'code'), [(8, 0), (0, 1)])
def test_replay_test_reports_and_judges(tmp_path, bag, model, offset, code):
    pytest.importorskip('matplotlib', reason='matplotlib is not installed: no report')
    drive = write_drive(tmp_path / 'drive', bag, offset)
    # What a replay that failed has left is no hindrance.
    (tmp_path / 'out' / 'restored').mkdir(parents=True)
    (tmp_path / 'out' / 'replay.log').touch()
    command = [sys.executable, '-m', 'restore_node.tools.replay_test', str(drive), str(tmp_path / 'out')]
    done = run([*command, '--model', str(model), '--rate', '2'])
    assert done.returncode == code, done.stdout + done.stderr
    report = json.loads((tmp_path / 'out' / 'report.json').read_text())
    assert report['frames_played'] == FRAMES == report['frames_in'] + report['frames_lost_in_transport']
    outcomes = ('frames_restored', 'frames_passed_through', 'frames_dropped')
    assert report['frames_in'] == sum(report[outcome] for outcome in outcomes)
    assert sum(segment['restored'] for segment in report['segments']) == report['frames_restored'] > 0
    # Off by 8 before and by 2 after, or by 0 (capped) before and by 10 after.
    before, after = (
        (20 * np.log10(255 / 8), 20 * np.log10(255 / 2)) if offset else (60.0, 20 * np.log10(255 / 10))
    )
    assert report['psnr_degraded_db'] == pytest.approx(before, abs=1e-3)
    assert report['psnr_restored_db'] == pytest.approx(after, abs=1e-3)
    assert report['image_size'] == [WIDTH, HEIGHT]
    assert report['model'] == model.stem
    assert report['provider'].startswith('CPU'), 'whichever is faster here'
    assert len(report['problems']) == code
    assert 'data:image/' in (tmp_path / 'out' / 'report.html').read_text()
    assert cv2.imread(str(tmp_path / 'out' / 'before_after.png')) is not None


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'bag': 'missing'}, 'error: no bag at missing'),
        ({'params_file': 'missing.yaml'}, 'no file missing.yaml'),
        ({'topic': '/camera/image_restored'}, 'topic /camera/image_restored is what the node publishes'),
    ],
)
def test_a_replay_that_cannot_be_fails_at_once(tmp_path, bag, model, changes, words):
    done = launch(**({'bag': bag, 'output': tmp_path / 'out', 'model': model} | changes))
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert '[player-3] Traceback' not in done.stdout
    assert not (tmp_path / 'out' / 'player.json').exists()


def test_a_node_that_dies_fails_the_replay(tmp_path, bag):
    parameters = tmp_path / 'impossible.yaml'
    parameters.write_text('/**: {ros__parameters: {max_age: -1.0}}')
    done = launch(bag=bag, output=tmp_path / 'out', params_file=parameters)
    assert done.returncode != 0
    assert 'restore_node-1 ended before its turn' in done.stdout + done.stderr
    assert not (tmp_path / 'out' / 'player.json').exists()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--topic', '/camera/camera_info'], 'error: topic /camera/camera_info is not an image'),
        (['--topic', '/rear/image_raw'], 'has no topic /rear/image_raw'),
        (['--rate', '0'], 'error: impossible rate: got 0.0'),
        (['--wait', '0.3'], 'error: nothing was played, no subscriber of /camera/image_raw'),
    ],
)
def test_player_refuses_in_one_line(bag, arguments, words):
    done = run(ros2_run('player', bag, *arguments))
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count('\n') == 1


def test_player_refuses_a_damaged_bag(tmp_path, bag):
    shutil.copytree(bag, tmp_path / 'damaged')
    for file in (tmp_path / 'damaged').glob('*.mcap'):
        os.truncate(file, 1000)
    done = run(ros2_run('player', tmp_path / 'damaged'))
    assert done.returncode == 2
    assert done.stderr.startswith(f'error: cannot read the bag {tmp_path / "damaged"}')


def test_player_and_recorder_stop_when_asked(tmp_path, bag):
    player = start(ros2_run('player', bag, '--wait', '60', '--report', tmp_path / 'player.json'))
    recorder = start(ros2_run('recorder', tmp_path / 'recorded', '/camera/image_restored'))
    try:
        for process in (player, recorder):
            wait_until(
                lambda process=process: is_ready_to_be_stopped(process.pid), lambda: 'its signal handlers'
            )
        assert not (tmp_path / 'recorded').exists()
        for process in (player, recorder):
            assert process.poll() is None
            # As a terminal's Ctrl-C does: to `ros2 run` and to what it runs.
            os.killpg(process.pid, signal.SIGINT)
        for process in (player, recorder):
            out, said = process.communicate(timeout=120)
            assert process.returncode == 0, out + said
            assert 'Traceback' not in said
    finally:
        end(player)
        end(recorder)
    assert not (tmp_path / 'player.json').exists()
    with BagReader(tmp_path / 'recorded') as reader:
        assert reader.message_count == 0

    again = run(ros2_run('recorder', tmp_path / 'recorded', '/camera/image_restored'))
    assert again.returncode == 2
    assert 'exists already' in again.stderr
