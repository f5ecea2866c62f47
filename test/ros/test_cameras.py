"""Several cameras in one process, over real DDS: each has what one camera has, and none disturbs another."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from node_harness import (
    BEST_EFFORT,
    DEFAULTS,
    RELIABLE,
    Bench,
    CameraInfo,
    Image,
    NodeProcess,
    image_message,
    node_command,
    picture,
    pixels_of,
    read_journal,
    wait_for,
)
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CompressedImage
from std_srvs.srv import SetBool

pytestmark = pytest.mark.ros

FOUR = ('front', 'left', 'right', 'rear')


def start(
    bench: Bench, names=FOUR, remaps: dict[str, str] | None = None, **parameters: object
) -> NodeProcess:
    """The node with these cameras."""
    return bench.start(node_command({**DEFAULTS, 'cameras': list(names), **parameters}, remaps or {}))


class Camera:
    """Publishes at a rate of its own, each frame with pixels that tell whose and which it is."""

    def __init__(
        self, bench: Bench, name: str, rate_hz: float = 10.0, offset_s: float = 0.0, **changes
    ) -> None:
        self.name, self._bench, self._offset_ns = name, bench, int(offset_s * 1e9)
        self._changes, self._size = changes, changes.pop('size', (24, 32))
        self._numbers = itertools.count(1)
        self.sent: dict[tuple[int, int], Image] = {}
        self.publisher = bench.camera(f'/{name}/image_raw', qos=changes.pop('qos', RELIABLE))
        self._timer, self._rate_hz = None, rate_hz

    def run(self) -> Camera:
        """From now on."""
        self._timer = self._bench.node.create_timer(1 / self._rate_hz, self.publish)
        return self

    def publish(self) -> None:
        """One frame."""
        pixels = picture(*self._size, seed=FOUR.index(self.name) + 10 * next(self._numbers))
        stamp = divmod(time.time_ns() + self._offset_ns, 10**9)
        message = image_message(pixels, stamp, frame_id=f'{self.name}_optical')
        for field, value in self._changes.items():
            setattr(message, field, value)
        self.sent[stamp] = message
        self.publisher.publish(message)

    def stop(self) -> None:
        """No more frames."""
        self._bench.node.destroy_timer(self._timer)


def stamp_of(stamp: Time) -> tuple[int, int]:
    return stamp.sec, stamp.nanosec


def status_of(bench: Bench, name: str) -> dict[str, str]:
    """The newest status of a camera; empty before the first."""
    mine = f'/restore_node: {name}/restoration'
    return next((one for one in reversed(bench.diagnostics) if one['name'] == mine), {})


def levels(bench: Bench, names=FOUR) -> dict[str, str]:
    return {name: status_of(bench, name).get('level', '') for name in names}


def count(bench: Bench, name: str, figure: str) -> int:
    return int(status_of(bench, name).get(figure, 0))


def batches(bench: Bench, name: str = 'front') -> dict[int, int]:
    """How many batches there were of each size."""
    values = status_of(bench, name).items()
    return {int(key.removeprefix('batches of ')): int(value) for key, value in values if 'batches' in key}


def assert_restored(camera: Camera, got: list[Image]) -> None:
    """Every image is the restoration of the camera's frame of that stamp, and stamps never run backwards."""
    got = list(got)  # more may come meanwhile
    stamps = [stamp_of(image.header.stamp) for image in got]
    assert stamps == sorted(set(stamps))
    for stamp, image in zip(stamps, got, strict=True):
        sent = camera.sent[stamp]
        assert image.header == sent.header
        np.testing.assert_array_equal(pixels_of(image), pixels_of(sent) + 10)


def test_four_cameras_at_their_rates_with_all_outputs(bench, make_model, tmp_path):
    journal = tmp_path / 'journal.jsonl'
    # The large ones take the backend long enough for others to wait meanwhile.
    sizes = {'front': (480, 640), 'left': (480, 640), 'right': (480, 640), 'rear': (24, 32)}
    node = start(
        bench,
        remaps={'rear/image_restored': '/detector/rear/image'},
        model=str(make_model()),
        gate_threshold=0.0,
        journal=str(journal),
        **{'compressed.format': 'png'},
    )
    cameras = [Camera(bench, name, size=sizes[name]) for name in FOUR]
    topics = {name: f'/{name}/image_restored' for name in FOUR} | {'rear': '/detector/rear/image'}
    got = {name: bench.detector(topic) for name, topic in topics.items()}
    compressed = bench.detector('/left/image_restored/compressed', CompressedImage)
    infos = bench.detector('/detector/rear/camera_info', CameraInfo)
    calibration = bench.camera('/rear/camera_info', CameraInfo)
    calibration.publish(CameraInfo(height=24, width=32))
    for camera in cameras:
        camera.run()
    wait_for(lambda: all(len(images) >= 20 for images in got.values()), 'twenty frames of each')
    wait_for(lambda: any(size > 1 for size in batches(bench)), 'batches of several frames')
    wait_for(lambda: infos and compressed, 'camera_info of one and compressed images of another')
    for camera in cameras:
        camera.stop()
    for camera in cameras:
        name = camera.name

        def is_even(name: str = name, camera: Camera = camera) -> bool:
            counts = status_of(bench, name)
            settled = [int(counts[key]) for key in ('restored', 'passed_through', 'dropped')]
            # Four large images at once are more than Fast DDS's own buffers: one may be lost on its way in,
            # or in favour of a newer one on its way to a busy reader.
            is_settled = sum(settled) == int(counts['received']) <= len(camera.sent)
            return is_settled and 20 <= len(got[name]) <= int(counts['restored'])

        wait_for(is_even, f'every frame of {name} in its counters')
        assert_restored(camera, got[name])
    assert {stamp_of(info.header.stamp) for info in infos} <= cameras[-1].sent.keys()
    assert {image.header.frame_id for image in compressed} == {'left_optical'}

    def all_in_batches() -> bool:
        in_batches = sum(size * number for size, number in batches(bench).items())
        return in_batches == sum(count(bench, name, 'restored') for name in FOUR)

    wait_for(all_in_batches, 'every restored frame in a batch')
    assert node.stop() == 0, node.output
    lines = journal.read_text().splitlines()
    assert sum('summary' in line for line in lines) == len(FOUR)
    assert {frame['topic'] for frame in read_journal(journal)[0]} == {f'/{name}/image_raw' for name in FOUR}


def test_a_fast_camera_starves_none(bench):
    """One at 60 Hz, three at 10 Hz, and a backend that cannot keep up with the fast one alone."""
    start(bench, model='restore-lite', gate_threshold=0.0)
    cameras = [Camera(bench, name, 60.0 if name == 'front' else 10.0, size=(240, 320)) for name in FOUR]
    for name in FOUR:
        bench.detector(f'/{name}/image_restored')
    for camera in cameras:
        camera.run()
    wait_for(lambda: all(count(bench, name, 'received') >= 50 for name in FOUR), 'fifty frames of each')
    for camera in cameras:
        camera.stop()
    wait_for(lambda: all(count(bench, name, 'in_flight') == 0 for name in FOUR), 'nothing in flight')
    turns = count(bench, 'front', 'restored')
    assert count(bench, 'front', 'received') > 2 * count(bench, 'rear', 'received')
    for name in FOUR[1:]:
        # It has its turn whenever the fast one has; a frame or so is lost where two arrive at the same time.
        wanted = min(turns, count(bench, name, 'received'))
        assert count(bench, name, 'restored') >= 0.7 * wanted, [status_of(bench, one) for one in FOUR]


def test_one_camera_that_is_blind_leaves_the_others_green(bench, make_model):
    """Stale, broken, silent: each says so of itself, and no frame of the good one is lost to them."""
    names = FOUR
    start(bench, model=str(make_model()), gate_threshold=0.0, max_age=600.0)
    wrong = {'left': {'offset_s': -3600.0}, 'right': {'step': 1}}
    cameras = [Camera(bench, name, **wrong.get(name, {})) for name in ('front', 'left', 'right')]
    got = bench.detector('/front/image_restored')
    for name in names[1:]:
        bench.detector(f'/{name}/image_restored')
    for camera in cameras:
        camera.run()
    expected = {'front': '0', 'left': '2', 'right': '2', 'rear': '1'}
    wait_for(lambda: levels(bench) == expected, f'levels {expected}')
    assert '100 % stale' in status_of(bench, 'left')['message']
    assert '100 % malformed' in status_of(bench, 'right')['message']
    assert 'nobody publishes /rear/image_raw' in status_of(bench, 'rear')['message']
    front = cameras[0]
    front.stop()

    def all_restored() -> bool:
        return len(got) <= count(bench, 'front', 'restored') == count(bench, 'front', 'received')

    wait_for(all_restored, 'every frame of the good one')
    assert_restored(front, got)


def test_each_camera_is_subscribed_as_its_publisher_offers(bench, make_model):
    start(bench, ('front', 'rear'), model=str(make_model()), gate_threshold=0.0)
    offers = {'front': RELIABLE, 'rear': BEST_EFFORT}
    wanted = {'front': ReliabilityPolicy.RELIABLE, 'rear': ReliabilityPolicy.BEST_EFFORT}
    for name, qos in offers.items():
        Camera(bench, name, qos=qos)

    def subscribed(name: str) -> list[ReliabilityPolicy]:
        infos = bench.node.get_subscriptions_info_by_topic(f'/{name}/image_raw')
        return [info.qos_profile.reliability for info in infos]

    for name, reliability in wanted.items():
        wait_for(lambda name=name, one=reliability: subscribed(name) == [one], f'{name} {reliability}')


def test_bypass_and_debug_are_about_all_cameras(bench, make_model):
    start(bench, ('front', 'rear'), model=str(make_model()), gate_threshold=0.0)
    cameras = [Camera(bench, name) for name in ('front', 'rear')]
    told = bench.detector('/restore_node/debug', DiagnosticStatus, BEST_EFFORT)
    got = {camera.name: bench.detector(f'/{camera.name}/image_restored') for camera in cameras}
    assert bench.call(SetBool, '/restore_node/bypass', SetBool.Request(data=True)).success
    for camera in cameras:
        camera.publish()
    wait_for(lambda: all(got.values()), 'a frame of each')
    for camera in cameras:
        (image,), (sent,) = got[camera.name], camera.sent.values()
        np.testing.assert_array_equal(pixels_of(image), pixels_of(sent))
    topics = {f'/{camera.name}/image_raw' for camera in cameras}

    def has(message: str) -> Callable[[], bool]:
        return lambda: topics <= {status.name for status in told if status.message == message}

    publish_until(cameras, has('passed_through: bypass'))
    assert bench.call(SetBool, '/restore_node/bypass', SetBool.Request(data=False)).success
    publish_until(cameras, has('restored: restored'))
    values = next(
        {one.key: one.value for one in status.values} for status in told if 'restored' in status.message
    )
    assert values['batch'] in ('1', '2')


def publish_until(cameras: list[Camera], condition: Callable[[], bool]) -> None:
    """Best effort may lose one: send more."""
    while not condition():
        for camera in cameras:
            camera.publish()
        time.sleep(0.05)


def test_a_hang_costs_no_camera_its_frames_and_the_node_still_stops(bench, make_model, hang):
    node = start(bench, model=str(make_model()), gate_threshold=0.0, hang_timeout=2.0, backend='onnxruntime')
    cameras = [Camera(bench, name) for name in FOUR]
    got = {name: bench.detector(f'/{name}/image_restored') for name in FOUR}
    hang.touch()
    for camera in cameras:
        camera.publish()
    wait_for(lambda: all(got.values()), 'the originals')
    for camera in cameras:
        np.testing.assert_array_equal(pixels_of(got[camera.name][0]), pixels_of(*camera.sent.values()))
    hang.unlink()
    wait_for(lambda: levels(bench) == dict.fromkeys(FOUR, '0') or publish(cameras), 'all green again')
    hang.touch()
    for camera in cameras:
        camera.publish()
    assert node.stop() == 0, node.output
    assert 'Traceback' not in node.output


def publish(cameras: list[Camera]) -> None:
    for camera in cameras:
        camera.publish()
    time.sleep(0.1)


@pytest.mark.parametrize(
    ('names', 'remaps', 'complaint'),
    [
        ([], {}, 'error: cameras is empty: got [], want names such as [front, left, right, rear];'),
        (['front', 'front'], {}, "error: cameras names one twice: got 'front';"),
        (
            ['front-left'],
            {},
            "error: cameras has a name that no topic can have: got 'front-left', want words",
        ),
        (
            ['front'],
            {'image_raw': '/x'},
            'error: image_raw is remapped, and no camera has it; remap front/image_raw',
        ),
        ('front', {}, 'error: a parameter has an impossible value'),
    ],
)
def test_cameras_that_cannot_be_are_refused_in_one_line(bench, names, remaps, complaint):
    node = bench.start(node_command({'cameras': names}, remaps))
    assert node.wait() == 2
    (line,) = [line for line in node.lines if line.startswith('error:')]
    assert line.startswith(complaint)
    assert 'Traceback' not in node.output
