"""camera_info: sent once before anyone came, from a topic for many cameras, for images of other sizes."""

from __future__ import annotations

import pytest
from node_harness import Bench, image_message, picture, wait_for
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo

pytestmark = pytest.mark.ros

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def calibration(height: int = 24, width: int = 32) -> CameraInfo:
    message = CameraInfo(height=height, width=width)
    message.header.frame_id = 'front_optical'
    return message


def latched(bench: Bench, topic: str, message: CameraInfo):
    """Publish once, for whoever comes."""
    publisher = bench.node.create_publisher(CameraInfo, topic, LATCHED)
    publisher.publish(message)
    return publisher


def test_a_calibration_sent_once_before_the_node_came_reaches_who_comes_last(bench):
    latched(bench, '/raw/camera_info', calibration())
    bench.start_node(
        backend='passthrough', remaps={'image_raw': '/raw/image_raw', 'image_restored': '/clean/image'}
    )
    camera, received = bench.camera('/raw/image_raw'), bench.detector('/clean/image')
    stamps = [bench.now(), bench.now()]
    for count, stamp in enumerate(stamps, start=1):
        camera.publish(image_message(picture(), stamp))
        wait_for(lambda count=count: len(received) == count, 'the image')
    infos = bench.detector('/clean/camera_info', CameraInfo, LATCHED)
    wait_for(lambda: infos, 'the camera_info, though it was sent before')
    assert (infos[0].header.stamp.sec, infos[0].header.stamp.nanosec) in stamps
    assert (infos[0].height, infos[0].width) == (24, 32)


def test_one_calibration_topic_for_many_cameras_by_remap(bench):
    latched(bench, '/rig/camera_info', calibration())
    infos = []
    for side in ('left', 'right'):
        bench.start_node(
            backend='passthrough',
            remaps={
                'image_raw': f'/{side}/image_raw',
                'image_restored': f'/{side}/image_restored',
                'camera_info': '/rig/camera_info',
                '__node': side,
            },
        )
        infos.append(bench.detector(f'/{side}/camera_info', CameraInfo))
        bench.detector(f'/{side}/image_restored')
    for side in ('left', 'right'):
        bench.camera(f'/{side}/image_raw').publish(image_message(picture(), bench.now()))
    for side, got in zip(('left', 'right'), infos, strict=True):
        wait_for(lambda got=got: got, f'the camera_info of {side}')


def test_a_calibration_of_another_size_is_named(bench):
    latched(bench, '/raw/camera_info', calibration(1080, 1920))
    bench.start_node(
        backend='passthrough', remaps={'image_raw': '/raw/image_raw', 'image_restored': '/clean/image'}
    )
    camera = bench.camera('/raw/image_raw')
    bench.detector('/clean/image')
    camera.publish(image_message(picture(), bench.now()))
    bench.wait_for_diagnostics(
        lambda status: status.get('camera_info') == 'is for 1920x1080, images are 32x24', 'the misfit'
    )
