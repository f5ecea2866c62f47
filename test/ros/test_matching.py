"""The image subscription asks of its publishers what all of them offer, losing nothing meanwhile."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from node_harness import BEST_EFFORT, RELIABLE, Bench, image_message, picture, read_journal, wait_for
from rclpy.qos import ReliabilityPolicy

pytestmark = pytest.mark.ros


def wait_until_subscribed(bench: Bench, reliability: ReliabilityPolicy, topic: str = '/image_raw') -> None:
    """Wait for one subscription of that reliability, with no other beside it."""

    def found() -> list[ReliabilityPolicy]:
        return [info.qos_profile.reliability for info in bench.node.get_subscriptions_info_by_topic(topic)]

    wait_for(lambda: found() == [reliability], f'one subscription, {reliability.name}')


def test_the_subscription_is_as_reliable_as_all_publishers_are(bench):
    bench.start_node(backend='passthrough')
    wait_until_subscribed(bench, ReliabilityPolicy.BEST_EFFORT)
    bench.camera(qos=RELIABLE)
    wait_until_subscribed(bench, ReliabilityPolicy.RELIABLE)
    second = bench.camera(qos=BEST_EFFORT)
    wait_until_subscribed(bench, ReliabilityPolicy.BEST_EFFORT)
    bench.node.destroy_publisher(second)
    wait_until_subscribed(bench, ReliabilityPolicy.RELIABLE)


def test_an_override_wins(bench):
    bench.start_node(
        **{'backend': 'passthrough', 'qos_overrides./image_raw.subscription.reliability': 'best_effort'}
    )
    camera, received = bench.camera(qos=RELIABLE), bench.detector()
    camera.publish(image_message(picture(), bench.now()))
    wait_for(lambda: received, 'a frame')
    time.sleep(1.0)  # several looks at the graph
    wait_until_subscribed(bench, ReliabilityPolicy.BEST_EFFORT)


def test_no_frame_is_lost_or_doubled_while_publishers_come_and_go(bench, tmp_path):
    """Small frames, which arrive whatever the reliability: what is missing was lost in a change."""
    journal = tmp_path / 'journal.jsonl'
    node = bench.start_node(backend='passthrough', journal=str(journal), max_age=0.0)
    bench.detector()
    camera, stop, sent = bench.camera(qos=RELIABLE), threading.Event(), []

    def publish() -> None:
        # The same picture and, now and then, the very same message twice: both are frames.
        while not stop.wait(0.02):
            sent.append(len(sent) // 2 + 1)
            camera.publish(image_message(picture(), (sent[-1], 0)))

    publishing = threading.Thread(target=publish)
    publishing.start()
    try:
        wait_until_subscribed(bench, ReliabilityPolicy.RELIABLE)
        second = bench.node.create_publisher(
            type(image_message(picture(), (0, 0))), '/image_raw', BEST_EFFORT
        )
        wait_until_subscribed(bench, ReliabilityPolicy.BEST_EFFORT)
        bench.node.destroy_publisher(second)
        wait_until_subscribed(bench, ReliabilityPolicy.RELIABLE)
    finally:
        stop.set()
        publishing.join()
    time.sleep(1.0)
    assert node.stop() == 0
    frames, _ = read_journal(journal)
    assert [frame['stamp_ns'] // 10**9 for frame in frames] == sent


@pytest.mark.parametrize(('height', 'width'), [(480, 640), (1080, 1920), (2160, 3840)])
def test_no_big_image_of_a_reliable_camera_is_lost(bench, height, width):
    bench.start_node(backend='passthrough', max_age=0.0)
    camera = bench.camera(qos=RELIABLE)
    received = bench.detector()
    wait_until_subscribed(bench, ReliabilityPolicy.RELIABLE)
    message = image_message(np.zeros((height, width, 3), np.uint8), bench.now())
    for count in range(1, 11):  # one after the other: a machine that is busy must not fail the test
        camera.publish(message)
        wait_for(lambda count=count: len(received) == count, f'image {count}')
