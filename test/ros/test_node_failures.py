"""Bad models, bad messages and bad parameters: the detector never goes blind, and the node lives."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from node_harness import image_message, node_command, picture, pixels_of, wait_for
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

pytestmark = pytest.mark.ros


def send_and_get(bench, camera, received) -> tuple[Image, Image]:
    """Publish one frame and wait for what the node makes of it."""
    count = len(received)
    sent = image_message(picture(64, 64, seed=count), bench.now())
    camera.publish(sent)
    wait_for(lambda: len(received) > count, 'a frame')
    return sent, received[-1]


def assert_passed_through(bench, camera, received):
    sent, got = send_and_get(bench, camera, received)
    assert got == sent


def assert_restored(bench, camera, received):
    sent, got = send_and_get(bench, camera, received)
    np.testing.assert_array_equal(pixels_of(got), pixels_of(sent) + 10)
    assert got.header == sent.header


def break_nothing(model):
    for path in model.parent.iterdir():
        path.unlink()


def break_checksum(model):
    model.write_bytes(model.read_bytes()[:-1] + b'?')


def break_card(model):
    model.with_suffix('.json').write_text('{"format": 1')


@pytest.mark.parametrize('damage', [break_nothing, break_checksum, break_card])
def test_frames_pass_through_until_the_model_is_mended(bench, make_model, damage):
    model = make_model()
    good = {path: path.read_bytes() for path in model.parent.iterdir()}
    damage(model)
    node = bench.start_node(model=str(model), retry=0.2)
    camera, received = bench.camera(), bench.detector()
    assert_passed_through(bench, camera, received)
    status = bench.wait_for_diagnostics(lambda status: status.get('reason failure') == '1', 'one failure')
    assert status['level'] == '2'
    assert 'pass through' in status['message']
    assert 'plus-ten' in status['message']
    for path, content in good.items():
        path.write_bytes(content)
    bench.wait_for_diagnostics(lambda status: status['backend'] != 'none', 'a backend at work')
    assert_restored(bench, camera, received)
    assert node.stop() == 0


def test_a_graph_that_does_not_load_passes_frames_through(bench, make_model, make_card):
    model = make_model()
    model.write_bytes(b'not a graph')
    make_card('plus-ten', b'not a graph')
    bench.start_node(model=str(model))
    camera, received = bench.camera(), bench.detector()
    assert_passed_through(bench, camera, received)


@pytest.mark.parametrize('on_failure', ['passthrough', 'drop'])
def test_a_backend_that_breaks_is_opened_again(bench, make_model, on_failure):
    bench.start_node(model=str(make_model(only=(64, 64))), on_failure=on_failure, retry=0.2)
    camera, received = bench.camera(), bench.detector()
    assert_restored(bench, camera, received)
    wide = image_message(picture(24, 40), bench.now())
    camera.publish(wide)
    reason = 'reason failure' if on_failure == 'passthrough' else 'reason failure_dropped'
    bench.wait_for_diagnostics(lambda status: status.get(reason) == '1', f'one {reason}')
    assert received[1:] == ([wide] if on_failure == 'passthrough' else [])
    bench.wait_for_diagnostics(lambda status: status['backend'] != 'none', 'a backend at work')
    assert_restored(bench, camera, received)


def test_a_backend_that_hangs_is_given_up(bench, make_model, hang):
    node = bench.start_node(
        model=str(make_model()), backend='onnxruntime', hang_timeout=5.0, retry=0.2, max_age=0.0
    )
    camera, received = bench.camera(), bench.detector()
    assert_restored(bench, camera, received)
    hang.touch()
    sent, got = send_and_get(bench, camera, received)
    assert got == sent
    status = bench.wait_for_diagnostics(
        lambda status: status.get('reason deadline') == '1', 'one frame past its deadline'
    )
    assert status['in_flight'] == '0'
    hang.unlink()
    bench.wait_for_diagnostics(lambda status: status['backend'] != 'none', 'a backend at work')
    assert_restored(bench, camera, received)
    assert node.stop() == 0


@pytest.mark.parametrize('limit', ['deadline', 'max_age'])
def test_an_original_leaves_in_time_while_the_backend_takes_its_own(bench, make_model, hang, limit):
    node = bench.start_node(model=str(make_model()), backend='onnxruntime', hang_timeout=0.0, **{limit: 2.0})
    camera, received = bench.camera(), bench.detector()
    assert_restored(bench, camera, received)
    hang.touch()
    assert_passed_through(bench, camera, received)  # at its time; the worker is late from now on
    for _ in range(3):
        assert_passed_through(bench, camera, received)  # at once
    bench.wait_for_diagnostics(lambda status: status.get('reason deadline') == '4', 'four originals')
    hang.unlink()

    def is_restored() -> bool:
        sent, got = send_and_get(bench, camera, received)
        return bytes(got.data) != bytes(sent.data)

    wait_for(is_restored, 'a restored frame')
    assert bench.set_parameter(limit, 1.0).successful
    assert node.stop() == 0


@pytest.mark.parametrize('hang_timeout', [0.0, 3600.0])
def test_a_hung_backend_does_not_keep_the_node_from_ending(bench, make_model, hang, hang_timeout):
    node = bench.start_node(
        model=str(make_model()), backend='onnxruntime', hang_timeout=hang_timeout, max_age=0.0
    )
    camera, received = bench.camera(), bench.detector()
    assert_restored(bench, camera, received)
    hang.touch()
    sent = image_message(picture(64, 64), bench.now())
    camera.publish(sent)
    bench.wait_for_diagnostics(lambda status: status.get('in_flight') == '1', 'a frame in the backend')
    assert node.stop() == 0
    assert 'Traceback' not in node.output


def test_model_changes_live_between_two_frames(bench, make_model):
    bench.start_node(model=str(make_model()))
    camera, received = bench.camera(), bench.detector()
    assert_restored(bench, camera, received)
    refused = bench.set_parameter('model', '/nowhere/night.onnx')
    assert not refused.successful
    assert '/nowhere/night.onnx' in refused.reason
    assert_restored(bench, camera, received)
    assert bench.set_parameter('model', str(make_model(name='plus-twenty', offset=20.0))).successful
    bench.wait_for_diagnostics(lambda status: status['model'] == 'plus-twenty', 'the new model')
    sent, got = send_and_get(bench, camera, received)
    np.testing.assert_array_equal(pixels_of(got), np.minimum(pixels_of(sent).astype(int) + 20, 255))


def malformed_messages() -> dict[str, Image | bytes]:
    good = image_message(picture(), (1, 2))
    cases: dict[str, Image | bytes] = {}
    for name, changes in {
        'wrong step': {'step': 3},
        'size 0x0': {'height': 0, 'width': 0},
        'size 30000x30000': {'height': 30000, 'width': 30000, 'step': 90000},
        'more rows than data': {'height': 25},
    }.items():
        message = image_message(picture(), (1, 2))
        for field, value in changes.items():
            setattr(message, field, value)
        cases[name] = message
    short = image_message(picture(), (1, 2))
    del short.data[-100:]
    cases['short data'] = short
    cases['cut serialisation'] = serialize_message(good)[:60]
    return cases


def test_malformed_messages_are_counted_and_never_stop_the_node(bench, make_model):
    node = bench.start_node(model=str(make_model()), max_age=0.0)
    camera, received = bench.camera(), bench.detector()
    cases = malformed_messages()
    for count, (name, message) in enumerate(cases.items(), start=1):
        camera.publish(message)
        bench.wait_for_diagnostics(
            lambda status, count=count: status.get('reason malformed') == str(count),
            f'{name} counted as malformed',
        )
    assert not received
    assert_restored(bench, camera, received)
    status = bench.wait_for_diagnostics(lambda status: status['restored'] == '1', 'the restored frame')
    assert status['received'] == str(len(cases) + 1)
    assert status['last malformed']
    assert node.stop() == 0


def test_images_that_nobody_reads_come_out_byte_for_byte(bench, make_model):
    bench.start_node(model=str(make_model()))
    camera, received = bench.camera(), bench.detector()
    for count, encoding in enumerate(('32FC1', '16UC1', 'bayer_rggb10p', 'an encoding of tomorrow'), start=1):
        sent = image_message(picture(16, 16, channels=4), bench.now(), encoding, padding=3)
        camera.publish(sent)
        wait_for(lambda count=count: len(received) == count, f'the image in {encoding}')
        assert received[-1] == sent
    bench.wait_for_diagnostics(lambda status: status.get('reason encoding') == '4', 'four passed through')
    assert_restored(bench, camera, received)


@pytest.mark.parametrize('encoding', ['8UC3', 'rgba16', 'bayer_rggb16', 'nv24', 'mono12'])
def test_what_drivers_send_is_restored(bench, make_model, encoding):
    bench.start_node(model=str(make_model()), gate_threshold=0.0)
    camera, received = bench.camera(), bench.detector()
    channels = {'rgba16': 8, 'bayer_rggb16': 2, 'mono12': 2}.get(encoding, 3)
    message = image_message(picture(16, 16, channels=channels), bench.now(), encoding)
    if encoding == 'nv24':
        message.step = 16
    camera.publish(message)
    wait_for(lambda: received, f'the restored {encoding} image')
    is_sensor_data = encoding in ('bayer_rggb16', 'nv24')
    assert received[0].encoding == ('bgr8' if is_sensor_data else encoding)
    bench.wait_for_diagnostics(lambda status: status['restored'] == '1', 'a restored frame')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_node_cleanly_in_the_midst_of_work(bench, make_model, number):
    node = bench.start_node(model=str(make_model(name='slow', work=8)))
    camera, received = bench.camera(), bench.detector()
    for _ in range(20):
        camera.publish(image_message(picture(240, 320), bench.now()))
    wait_for(lambda: received, 'a first frame')
    assert node.stop(number) == 0
    assert 'Traceback' not in node.output


@pytest.mark.parametrize(
    ('parameters', 'remaps', 'complaint'),
    [
        ({'modle': 'x'}, {}, 'unknown parameter: got modle'),
        (
            {'qos_overrides./image_rae.subscription.reliability': 'reliable'},
            {},
            'got /image_rae.subscription',
        ),
        ({'qos_overrides./image_raw.subscription.reliabilty': 'reliable'}, {}, 'got reliabilty'),
        ({'qos_overrides./image_raw.subscription.reliability': 'relaible'}, {}, 'got relaible'),
        ({}, {'image_restored': '/clean/compressed'}, 'restored images are raw'),
        ({'max_age': -4.0}, {}, 'max_age'),
        ({'device': 'gpu'}, {}, "'auto', 'cuda', 'intel_gpu', 'cpu'"),
        ({'threads': 'two'}, {}, 'threads'),
        ({'journal': '/proc/no/journal'}, {}, 'journal /proc/no/journal'),
        ({'model': '/nowhere/x.onnx', 'on_failure': 'drop'}, {}, '/nowhere/x.onnx'),
        ({'backend': 'passthrough'}, {'image_restored': 'image_raw'}, 'same topic'),
    ],
)
def test_bad_start_ends_with_one_clear_line(bench, parameters, remaps, complaint):
    node = bench.start(node_command(parameters, remaps))
    assert node.wait() == 2
    assert complaint in node.output
    assert 'Traceback' not in node.output


SHARED = """
/**:
  ros__parameters:
    wheel_base: 2.8
    modle: night
    max_age: 12.5
detector:
  ros__parameters: {threshold: 0.5}
"""


def test_parameters_of_other_nodes_in_a_shared_file_are_named_and_left(bench, make_model, tmp_path):
    file = tmp_path / 'vehicle.yaml'
    file.write_text(SHARED)
    command = node_command({'model': str(make_model())}, {})
    node = bench.start([*command, '--params-file', str(file)])
    wait_for(lambda: bench.node.count_subscribers('/image_raw'), 'the node to subscribe')
    assert 'parameter wheel_base of a file for several nodes is not ours' in node.output
    assert 'parameter modle of a file for several nodes is not ours; did you mean model?' in node.output
    assert bench.get_parameter('max_age') == 12.5
    assert node.stop() == 0


def test_misspelt_parameter_for_this_node_ends_it_though_a_shared_file_is_read(bench, tmp_path):
    file = tmp_path / 'vehicle.yaml'
    file.write_text(SHARED + 'restore_node:\n  ros__parameters: {modle: night}\n')
    node = bench.start([*node_command({}, {}), '--params-file', str(file)])
    assert node.wait() == 2
    assert 'unknown parameter: got modle' in node.output


def test_parameters_describe_themselves(bench, make_model):
    bench.start_node(model=str(make_model()))
    (age, device) = bench.describe(['max_age', 'device'])
    assert age.floating_point_range[0].to_value == 600.0
    assert 'stale' in age.description
    assert device.read_only
    assert 'cuda' in device.description
    assert not bench.set_parameter('max_age', -1.0).successful
    assert not bench.set_parameter('device', 'cpu').successful


def test_integers_are_taken_for_floats(bench, make_model):
    numbers = {'max_age': 0, 'gate_threshold': 0, 'retry': 2, 'diagnostic_updater.period': 1}
    node = bench.start_node(model=str(make_model()), **numbers)
    camera, received = bench.camera(), bench.detector()
    assert_restored(bench, camera, received)
    assert node.stop() == 0
