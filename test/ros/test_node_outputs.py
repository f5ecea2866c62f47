"""What the node offers beside the raw image: a compressed one for who asks, and services."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from node_harness import BEST_EFFORT, Bench, Image, image_message, picture, pixels_of, wait_for
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage
from std_srvs.srv import SetBool, Trigger

from restore_node.messages.frame import Frame, Header
from restore_node.ros.output import CameraOutput
from restore_node.ros.parameters import restore_parameters
from restore_node.ros.topics import camera_topics

pytestmark = pytest.mark.ros


def publish(bench: Bench, camera, pixels: np.ndarray, encoding: str = 'rgb8') -> Image:
    message = image_message(pixels, bench.now(), encoding)
    camera.publish(message)
    return message


def test_compressed_images_go_to_who_subscribes_them_and_raw_ones_to_nobody(bench, make_model):
    bench.start_node(model=str(make_model()), **{'compressed.format': 'png', 'max_age': 0.0})
    camera, got = bench.camera(), bench.detector('/image_restored/compressed', CompressedImage)
    sent = publish(bench, camera, picture())
    wait_for(lambda: got, 'the compressed image')
    assert got[0].header == sent.header
    assert got[0].format == 'rgb8; png compressed bgr8'
    pixels = cv2.imdecode(np.frombuffer(got[0].data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(pixels[..., ::-1], picture() + 10)

    assert bench.set_parameter('compressed.format', 'jpeg').successful
    assert bench.set_parameter('compressed.jpeg_quality', 30).successful
    raw = bench.detector()
    publish(bench, camera, picture())
    wait_for(lambda: len(got) == 2 and raw, 'both')
    assert bytes(got[1].data[:2]) == b'\xff\xd8'
    np.testing.assert_array_equal(pixels_of(raw[0]), picture() + 10)
    assert not bench.set_parameter('compressed.format', 'gif').successful


def test_a_jpeg_that_passes_through_keeps_its_bytes(bench, make_model):
    bench.start_node(model=str(make_model()), image_transport='compressed', bypass=True, max_age=0.0)
    camera = bench.camera('/image_raw/compressed', CompressedImage)
    got = bench.detector('/image_restored/compressed', CompressedImage)
    file = cv2.imencode('.jpg', picture(), [cv2.IMWRITE_JPEG_QUALITY, 41])[1].tobytes()
    sent = CompressedImage(format='jpeg', data=file)
    sent.header.frame_id = 'front'

    def send_and_get() -> CompressedImage:
        got.clear()
        camera.publish(sent)
        wait_for(lambda: got, 'the compressed image')
        assert got[0].header == sent.header
        assert got[0].format.startswith('bgr8')
        return got[0]

    assert bytes(send_and_get().data) == file
    assert bench.set_parameter('compressed.format', 'png').successful
    assert bytes(send_and_get().data).startswith(b'\x89PNG')
    assert bench.set_parameter('compressed.format', 'jpeg').successful
    assert bench.set_parameter('bypass', False).successful
    assert bytes(send_and_get().data) != file


def test_each_form_is_made_only_for_who_subscribes_it(bench, monkeypatch):
    node = LifecycleNode('outputs', context=bench.node.context)
    topics = camera_topics('', node.resolve_topic_name, 'raw')
    output = CameraOutput(node, topics, restore_parameters.Params)
    made = {'raw': 0, 'compressed': 0}
    frame = Frame(np.zeros((1, 1), np.uint8), 'mono8', Header(0, 0, ''))

    def count(form: str) -> None:
        made[form] += 1

    monkeypatch.setattr(output.image, 'publish', lambda _: count('raw'))
    monkeypatch.setattr(output, '_publish_compressed', lambda *_: count('compressed'))
    try:
        expected = {'raw': 0, 'compressed': 0}
        assert not output.is_watched()
        for kind, topic in ((CompressedImage, '/image_restored/compressed'), (Image, '/image_restored')):
            subscription = bench.node.create_subscription(kind, topic, lambda _: None, 1)
            wait_for(output.is_watched, f'a subscriber of {topic}')
            output.publish(b'', frame, None)
            expected['compressed' if kind is CompressedImage else 'raw'] = 1
            assert made == expected
            bench.node.destroy_subscription(subscription)
            wait_for(lambda: not output.is_watched(), 'nobody to subscribe')
    finally:
        output.destroy()
        node.destroy_node()


def test_bypass_by_service(bench, make_model):
    bench.start_node(model=str(make_model()), max_age=0.0)
    camera, got = bench.camera(), bench.detector()
    for data, change in ((True, 0), (False, 10)):
        answer = bench.call(SetBool, '/restore_node/bypass', SetBool.Request(data=data))
        assert answer.success, answer.message
        publish(bench, camera, picture())
        wait_for(lambda: got, 'the image')
        np.testing.assert_array_equal(pixels_of(got.pop()), picture() + change)


def test_a_model_retrained_under_the_same_name_is_loaded_by_service(bench, make_model):
    path = make_model()
    bench.start_node(model=str(path), max_age=0.0)
    camera, got = bench.camera(), bench.detector()
    publish(bench, camera, picture())
    wait_for(lambda: got, 'the image')
    np.testing.assert_array_equal(pixels_of(got.pop()), picture() + 10)
    assert make_model(offset=20.0) == path

    answer = bench.call(Trigger, '/restore_node/reload', Trigger.Request())
    assert answer.success, answer.message

    def is_retrained() -> bool:
        publish(bench, camera, picture())
        wait_for(lambda: got, 'the image')
        return np.array_equal(pixels_of(got.pop()), np.minimum(picture().astype(int) + 20, 255))

    wait_for(is_retrained, 'the retrained model')
    path.unlink()
    answer = bench.call(Trigger, '/restore_node/reload', Trigger.Request())
    assert not answer.success
    assert path.stem in answer.message
    assert is_retrained()


def test_reload_of_an_unconfigured_node_says_what_to_do(bench, make_model):
    bench.start_node(model=str(make_model()), autostart=False)
    answer = bench.call(Trigger, '/restore_node/reload', Trigger.Request())
    assert not answer.success
    assert 'configure it' in answer.message


def test_bits_that_a_camera_fills_of_mono16(bench, make_model):
    bench.start_node(model=str(make_model()), significant_bits=12, max_age=0.0)
    camera, got = bench.camera(), bench.detector()
    grey = np.full((24, 32), 1600, '<u2')  # of 4095: 100 of 255
    publish(bench, camera, grey.view(np.uint8).reshape(24, 32, 2), 'mono16')
    wait_for(lambda: got, 'the image')
    restored = np.frombuffer(got[0].data, '<u2')
    assert got[0].encoding == 'mono16'
    assert set(restored.tolist()) == {1600 + round(10 * 4095 / 255)}


def test_the_gate_is_the_models_own_until_the_parameter_says_more(bench, make_model):
    bench.start_node(model=str(make_model(gate_threshold=20.0)), max_age=0.0)
    camera, got = bench.camera(), bench.detector()
    publish(bench, camera, picture())
    wait_for(lambda: got, 'the image as it came')
    np.testing.assert_array_equal(pixels_of(got[0]), picture())
    assert bench.set_parameter('gate_threshold', 0.0).successful
    publish(bench, camera, picture())
    wait_for(lambda: len(got) == 2, 'the restored image')
    np.testing.assert_array_equal(pixels_of(got[1]), picture() + 10)


def test_debug_tells_of_each_frame(bench, make_model):
    bench.start_node(model=str(make_model()), max_age=60.0)
    camera, got = bench.camera(), bench.detector()
    told = bench.detector('/restore_node/debug', DiagnosticStatus, BEST_EFFORT)

    def publish_until(outcome: str, stamp: tuple[int, int]) -> dict[str, str]:
        def is_told() -> bool:  # best effort: one may be lost
            camera.publish(image_message(picture(), stamp))
            wait_for(lambda: got or outcome == 'dropped', 'the image')
            got.clear()
            time.sleep(0.1)
            return any(status.message.startswith(outcome) for status in told)

        wait_for(is_told, f'a status of a frame {outcome}')
        status = next(status for status in told if status.message.startswith(outcome))
        assert status.name == '/image_raw'
        return {value.key: value.value for value in status.values}

    sec, nanosec = bench.now()
    restored = publish_until('restored', (sec, nanosec))
    assert restored['stamp ns'] == str(sec * 10**9 + nanosec)
    assert (float(restored['gate score']), float(restored['gate threshold'])) == (10.0, 3.4)
    assert all(float(restored[f'{name} ms']) >= 0 for name in ('convert', 'restore', 'gate', 'latency'))
    stale = publish_until('dropped', (sec - 3600, 0))
    assert stale['reason'] == 'stale'
    assert 'gate score' not in stale
