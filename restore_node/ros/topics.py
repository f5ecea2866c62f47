"""Names of topics that belong together."""

from __future__ import annotations

from rclpy.node import Node

IMAGE_IN = 'image_raw'
IMAGE_OUT = 'image_restored'


def sibling(topic: str, name: str) -> str:
    """The topic `name` beside a resolved topic: `/front/image_raw`, `camera_info` -> `/front/camera_info`."""
    return topic.rsplit('/', 1)[0] + '/' + name


def camera_info_of(image_topic: str) -> str:
    """The camera_info topic that belongs to a resolved image topic (image_transport's convention)."""
    return sibling(image_topic, 'camera_info')


def camera_info_in(node: Node, image_topic: str) -> str:
    """The camera_info topic of a node's input: where `camera_info` is remapped to, else beside the image."""
    remapped = node.resolve_topic_name('camera_info')
    is_remapped = remapped != node.resolve_topic_name('camera_info', only_expand=True)
    return remapped if is_remapped else camera_info_of(image_topic)
