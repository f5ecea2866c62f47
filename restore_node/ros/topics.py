"""Names of topics that belong together."""

from __future__ import annotations

IMAGE_IN = 'image_raw'
IMAGE_OUT = 'image_restored'


def sibling(topic: str, name: str) -> str:
    """The topic `name` beside a resolved topic: `/front/image_raw`, `camera_info` -> `/front/camera_info`."""
    return topic.rsplit('/', 1)[0] + '/' + name


def camera_info_of(image_topic: str) -> str:
    """The camera_info topic that belongs to a resolved image topic (image_transport's convention)."""
    return sibling(image_topic, 'camera_info')
