"""Good frames: same header, size and encoding out, camera_info beside them, newest first."""

from __future__ import annotations

import time
from itertools import count as numbers

import cv2
import numpy as np
import pytest
from node_harness import (
    BEST_EFFORT,
    RELIABLE,
    CameraInfo,
    image_message,
    picture,
    pixels_of,
    read_journal,
    wait_for,
)
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CompressedImage

pytestmark = pytest.mark.ros

CHANNELS = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1}


def test_header_size_and_encoding_are_kept(bench, make_model):
    bench.start_node(model=str(make_model()))
    camera, received = bench.camera(), bench.detector()
    for index, (encoding, channels) in enumerate(CHANNELS.items()):
        pixels = picture(23, 31, channels, seed=index)
        sec, nanosec = bench.now()
        sent = image_message(pixels, (sec, nanosec), encoding, frame_id=f'cam_{index}', padding=5)
        camera.publish(sent)
        wait_for(lambda count=index + 1: len(received) == count, f'the restored {encoding} frame')
        got = received[-1]
        assert got.header == sent.header
        assert (got.height, got.width, got.encoding, got.step) == (23, 31, encoding, 31 * channels)
        expected = pixels + np.uint8(10)
        if channels == 4:
            expected[..., 3] = pixels[..., 3]
        np.testing.assert_array_equal(pixels_of(got), expected)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_compressed_in_raw_out(bench, make_model, suffix):
    bench.start_node(
        model=str(make_model()), image_transport='compressed', remaps={'image_raw': '/front/image_raw'}
    )
    camera, received = bench.camera('/front/image_raw/compressed', CompressedImage), bench.detector()
    data = cv2.imencode(suffix, picture(40, 56))[1]
    message = CompressedImage(format=suffix[1:])
    message.header.stamp.sec, message.header.stamp.nanosec = bench.now()
    message.header.frame_id = 'front'
    message.data.frombytes(data.tobytes())
    camera.publish(message)
    wait_for(lambda: received, 'the restored frame')
    assert received[0].encoding == 'bgr8'
    assert received[0].header == message.header
    np.testing.assert_array_equal(
        pixels_of(received[0]), cv2.add(cv2.imdecode(data, cv2.IMREAD_COLOR), (10, 10, 10, 0))
    )


def test_output_encoding_changes_live_for_restored_and_bypassed_frames(bench, make_model):
    bench.start_node(model=str(make_model()), output_encoding='bgr8')
    camera, received = bench.camera(), bench.detector()
    pixels = picture()
    camera.publish(image_message(pixels, bench.now(), 'rgb8'))
    wait_for(lambda: len(received) == 1, 'a restored frame')
    assert bench.set_parameter('bypass', True).successful
    camera.publish(image_message(pixels, bench.now(), 'rgb8'))
    wait_for(lambda: len(received) == 2, 'a bypassed frame')
    assert bench.set_parameter('output_encoding', '').successful
    camera.publish(image_message(pixels, bench.now(), 'rgb8'))
    wait_for(lambda: len(received) == 3, 'another bypassed frame')
    assert [message.encoding for message in received] == ['bgr8', 'bgr8', 'rgb8']
    np.testing.assert_array_equal(pixels_of(received[0]), pixels[..., ::-1] + 10)
    np.testing.assert_array_equal(pixels_of(received[1]), pixels[..., ::-1])
    np.testing.assert_array_equal(pixels_of(received[2]), pixels)
    assert not bench.set_parameter('output_encoding', 'rgb10').successful


def camera_info(stamp: tuple[int, int], height: int = 24, width: int = 32) -> CameraInfo:
    message = CameraInfo(
        height=height, width=width, distortion_model='plumb_bob', d=[0.1, 0.2, 0.0, 0.0, 0.0]
    )
    message.k = [500.0, 0.0, 16.0, 0.0, 501.0, 12.0, 0.0, 0.0, 1.0]
    message.header.stamp.sec, message.header.stamp.nanosec = stamp
    message.header.frame_id = 'front_optical'
    return message


def test_camera_info_follows_the_restored_image(bench, make_model):
    bench.start_node(
        model=str(make_model()), remaps={'image_raw': '/raw/image_raw', 'image_restored': '/clean/image'}
    )
    camera, received = bench.camera('/raw/image_raw'), bench.detector('/clean/image')
    calibration, infos = (
        bench.camera('/raw/camera_info', CameraInfo),
        bench.detector('/clean/camera_info', CameraInfo),
    )

    early = bench.now()  # the image comes first, and waits for any camera_info
    camera.publish(image_message(picture(), early))
    wait_for(lambda: len(received) == 1, 'the first image')
    calibration.publish(camera_info(bench.now()))
    wait_for(lambda: len(infos) == 1, 'the first camera_info')
    assert (infos[0].header.stamp.sec, infos[0].header.stamp.nanosec) == early

    paired = bench.now()  # both have one stamp: republished bit for bit
    calibration.publish(camera_info(paired))
    time.sleep(0.1)
    camera.publish(image_message(picture(), paired))
    wait_for(lambda: len(infos) == 2, 'the paired camera_info')
    assert infos[1] == camera_info(paired)

    late = bench.now()  # no camera_info with this stamp: the newest one, restamped
    camera.publish(image_message(picture(), late))
    wait_for(lambda: len(infos) == 3, 'the restamped camera_info')
    assert infos[2] == camera_info(late)


def test_a_remapped_camera_info_is_taken_from_there(bench, make_model):
    remaps = {
        'image_raw': '/front/image_raw',
        'image_restored': '/front/image_restored',
        'camera_info': '/calibration',
    }
    bench.start_node(model=str(make_model()), remaps=remaps)
    camera, received = bench.camera('/front/image_raw'), bench.detector('/front/image_restored')
    calibration = bench.camera('/calibration', CameraInfo)
    infos = bench.detector('/front/camera_info', CameraInfo)
    stamp = bench.now()
    calibration.publish(camera_info(stamp))
    camera.publish(image_message(picture(), stamp))
    wait_for(lambda: received and infos, 'an image and its camera_info')
    assert infos[0] == camera_info(stamp)


def test_camera_info_of_neighbouring_topics_is_left_alone(bench, make_model):
    bench.start_node(
        model=str(make_model()),
        remaps={'image_raw': '/front/image_raw', 'image_restored': '/front/image_restored'},
    )
    bench.detector('/front/image_restored')
    assert bench.node.count_publishers('/front/camera_info') == 0
    assert bench.node.count_subscribers('/front/camera_info') == 0


def test_quality_of_service_suits_every_peer(bench, make_model):
    bench.start_node(model=str(make_model()))
    both = bench.detector(qos=RELIABLE), bench.detector(qos=BEST_EFFORT)  # its publisher is known now
    (subscription,) = bench.node.get_subscriptions_info_by_topic('/image_raw')
    (publisher,) = bench.node.get_publishers_info_by_topic('/image_restored')
    assert subscription.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    for qos in (RELIABLE, BEST_EFFORT):
        camera, name = bench.camera(qos=qos), qos.reliability.name

        def received(camera=camera, name=name) -> bool:
            # Best effort may lose one, and does where one end does not know of the other yet.
            camera.publish(image_message(picture(), bench.now(), frame_id=name))
            time.sleep(0.1)
            return all(any(message.header.frame_id == name for message in got) for got in both)

        wait_for(received, f'both subscribers to receive what is sent {name}')


def test_quality_of_service_is_overridden_by_parameters(bench, make_model):
    bench.start_node(
        **{'model': str(make_model()), 'qos_overrides./image_raw.subscription.reliability': 'reliable'}
    )
    (subscription,) = bench.node.get_subscriptions_info_by_topic('/image_raw')
    assert subscription.qos_profile.reliability == ReliabilityPolicy.RELIABLE


def test_newest_frame_wins_while_the_backend_is_busy(bench, make_model, hang, tmp_path):
    journal = tmp_path / 'journal.jsonl'
    node = bench.start_node(
        model=str(make_model()), backend='onnxruntime', journal=str(journal), hang_timeout=0.0
    )
    camera, received = bench.camera(), bench.detector()
    sent = numbers(1)

    def send() -> int:
        camera.publish(image_message(picture(), (number := next(sent), 0)))
        return number

    hang.touch()
    send()
    bench.wait_for_diagnostics(lambda status: status['in_flight'] == '1', 'a frame in the backend')
    wait_for(lambda: send() and superseded(bench) >= 20, 'twenty frames that newer ones superseded')
    hang.unlink()
    wait_for(lambda: len(received) >= 2, 'the frame at hand, and the newest')
    last = send()
    wait_for(lambda: received[-1].header.stamp.sec == last, 'the very last frame')
    stamps = [message.header.stamp.sec for message in received]
    assert stamps[0] == 1
    assert stamps == sorted(set(stamps))
    # There is no backlog: behind the frame at hand waits one, then comes the last.
    assert len(stamps) <= 4
    assert node.stop() == 0
    frames, summary = read_journal(journal)
    counts = summary['summary']
    assert counts['in_flight'] == 0
    assert counts['received'] == len(frames) == counts['restored'] + counts['dropped']
    assert counts['reasons'] == {'restored': len(stamps), 'superseded': counts['dropped']}


def superseded(bench) -> int:
    """How many frames newer ones have superseded, as diagnostics say now."""
    return int(bench.diagnostics[-1].get('reason superseded', 0)) if bench.diagnostics else 0


def test_age_decides_staleness(bench, make_model):
    bench.start_node(model=str(make_model()), max_age=60.0)
    camera, received = bench.camera(), bench.detector()
    sec, nanosec = bench.now()
    camera.publish(image_message(picture(), (sec - 3600, nanosec)))
    bench.wait_for_diagnostics(lambda status: status.get('reason stale') == '1', 'one stale frame')
    for count, stamp in enumerate(
        [(0, 0), (sec + 3600, 0)], start=1
    ):  # unknown age, and a clock that is ahead
        camera.publish(image_message(picture(), stamp))
        wait_for(lambda count=count: len(received) == count, 'a frame of unknown age')
    assert bench.set_parameter('max_age', 0.0).successful
    camera.publish(image_message(picture(), (sec - 3600, nanosec)))
    wait_for(lambda: len(received) == 3, 'an old frame')


def test_nobody_listens_nothing_is_done(bench, make_model):
    bench.start_node(model=str(make_model()))
    camera = bench.camera()
    for _ in range(3):
        camera.publish(image_message(picture(), bench.now()))
        time.sleep(0.05)
    status = bench.wait_for_diagnostics(
        lambda status: status.get('reason unwatched') == '3', 'three unwatched frames'
    )
    assert status['restored'] == '0'
    assert status['received'] == '3'
