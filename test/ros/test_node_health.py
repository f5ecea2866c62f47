"""Diagnostics are not green while the detector is blind, whoever's fault it is; over real DDS."""

from __future__ import annotations

import time

import pytest
from builtin_interfaces.msg import Time
from node_harness import BEST_EFFORT, RELIABLE, image_message, node_command, picture, wait_for
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

pytestmark = pytest.mark.ros


def says(*texts: str, level: str):
    """A condition: the status is of this level, and its message has these texts."""
    return lambda status: status['level'] == level and all(text in status['message'] for text in texts)


class Stream:
    """A camera that publishes ten frames a second from a timer, with stamps of its own clock."""

    def __init__(self, bench, camera, offset_s: float = 0.0, **message: object) -> None:
        self._bench, self._camera, self._offset_s, self._message = bench, camera, offset_s, message
        self._timer = bench.node.create_timer(0.1, self._publish)

    def _publish(self) -> None:
        stamp_ns = time.time_ns() + int(self._offset_s * 1e9)
        self._camera.publish(image_message(picture(), divmod(stamp_ns, 10**9), **self._message))

    def stop(self) -> None:
        self._bench.node.destroy_timer(self._timer)


@pytest.mark.parametrize(
    ('offset_s', 'level', 'texts'),
    [
        (-365 * 86400.0, '2', ['in, but nothing out', '100 % stale', '31536000 s behind', 'use_sim_time?']),
        (-1.5, '2', ['in, but nothing out', '100 % stale', 'stamps are 1.5 s behind this clock']),
        (37.0, '1', ['stamps are 37 s ahead of this clock']),
    ],
)
def test_a_clock_that_is_wrong_is_named(bench, make_model, offset_s, level, texts):
    node = bench.start_node(model=str(make_model()), max_age=0.5)
    camera = bench.camera()
    bench.detector()
    stream = Stream(bench, camera, offset_s)
    is_named = says(*texts, level=level)
    bench.wait_for_diagnostics(is_named, texts[0])

    def has_rates(status: dict[str, str]) -> bool:  # a rate takes several frames
        return is_named(status) and 'unknown' not in status.values() and float(status['rate in Hz']) > 0

    status = bench.wait_for_diagnostics(has_rates, 'rates')
    assert float(status['age at arrival s']) == pytest.approx(-offset_s, abs=1.0)
    assert float(status['rate by stamps Hz']) > 0
    stream.stop()
    assert node.stop() == 0
    logged = [line for line in node.lines if texts[0] in line]
    assert len(logged) == 1, node.output


def test_unread_encodings_are_named_with_their_share(bench, make_model):
    bench.start_node(model=str(make_model()), on_failure='drop')
    camera = bench.camera()
    bench.detector()
    Stream(bench, camera, encoding='32FC1', padding=32)
    bench.wait_for_diagnostics(says('in, but nothing out', 'encoding', level='2'), 'the encoding')


def test_a_camera_that_falls_silent_is_named(bench, make_model):
    bench.start_node(model=str(make_model()))
    bench.detector()
    bench.wait_for_diagnostics(says('nothing in for', 'nobody publishes /image_raw', level='1'), 'no camera')
    camera = bench.camera()
    stream = Stream(bench, camera)
    bench.wait_for_diagnostics(lambda status: status['level'] == '0', 'all well')
    stream.stop()
    bench.wait_for_diagnostics(
        says('nothing in for', '/image_raw, and nothing arrives', level='2'), 'silence'
    )


def test_a_publisher_of_another_type_is_named(bench, make_model):
    node = bench.start_node(model=str(make_model()))
    bench.node.create_publisher(CompressedImage, '/image_raw', RELIABLE)
    bench.wait_for_diagnostics(
        says('/bench publishes /image_raw as sensor_msgs/msg/CompressedImage', 'image_transport', level='2'),
        'another type',
    )
    assert node.stop() == 0


def test_a_publisher_whose_qos_does_not_fit_is_named(bench, make_model):
    override = {'qos_overrides./image_raw.subscription.reliability': 'reliable'}
    node = bench.start_node(model=str(make_model()), **override)
    bench.node.create_publisher(Image, '/image_raw', BEST_EFFORT)
    bench.wait_for_diagnostics(
        says('nothing in for', 'incompatible QoS: /bench is not heard', level='2'), 'the QoS'
    )
    assert node.stop() == 0
    assert 'incompatible QoS: /bench is not heard' in node.output


def test_a_detector_whose_qos_does_not_fit_is_named(bench, make_model):
    override = {'qos_overrides./image_restored.publisher.reliability': 'best_effort'}
    bench.start_node(model=str(make_model()), **override)
    camera = bench.camera()
    bench.node.create_subscription(Image, '/image_restored', lambda _: None, RELIABLE)
    Stream(bench, camera)
    bench.wait_for_diagnostics(
        says('nobody hears /image_restored', 'incompatible QoS: /bench', level='2'), 'the QoS'
    )


def test_diagnostics_come_while_the_simulated_clock_stands(bench, make_model):
    bench.start_node(model=str(make_model()), use_sim_time=True)
    bench.wait_for_diagnostics(says('no time on /clock yet', level='1'), 'no clock')
    clock = bench.node.create_publisher(Clock, '/clock', 1)
    wait_for(clock.get_subscription_count, 'the node to subscribe /clock')
    ticks = iter(range(1, 10**9))
    timer = bench.node.create_timer(0.05, lambda: clock.publish(Clock(clock=Time(sec=next(ticks)))))
    bench.wait_for_diagnostics(lambda status: 'clock' not in status['message'], 'the clock')
    bench.node.destroy_timer(timer)
    bench.wait_for_diagnostics(says('the simulated clock has been standing', level='1'), 'a standing clock')


def test_two_cameras_in_two_namespaces_stay_two(bench, make_model):
    for namespace in ('left', 'right'):
        remaps = {'__ns': f'/{namespace}', 'image_raw': f'/{namespace}/image_raw'}
        bench.start_node(model=str(make_model()), remaps=remaps)
    for namespace in ('left', 'right'):
        name = f'/{namespace}/restore_node: restoration'
        bench.wait_for_diagnostics(lambda status, name=name: status['name'] == name, name)


@pytest.mark.parametrize('period', [0, -1.0, 'often'])
def test_an_impossible_period_of_diagnostics_is_refused(bench, period):
    node = bench.start(node_command({'diagnostic_updater.period': period}, {}))
    assert node.wait() == 2
    assert 'error: diagnostic_updater.period' in node.output
    assert 'Traceback' not in node.output
