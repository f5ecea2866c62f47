"""Input: what the node subscribes for one camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from restore_node.messages.cdr import read_stamp_ns
from restore_node.ros.matching import MatchingSubscription
from restore_node.ros.topics import CameraTopics
from restore_node.runtime.stamp_rate import StampRate


class Input:
    """The image and, where somebody wants it, its camera_info, as serialised messages.

    Attributes:
        topic: of the image.
        stamps: the camera's rate by the stamps of what arrives.
    """

    def __init__(
        self,
        node: Node,
        topics: CameraTopics,
        on_image: Callable[[bytes], None],
        on_info: Callable[[bytes], None] | None,
    ) -> None:
        self.topic = topics.image
        self.stamps = StampRate()

        def take(message: bytes) -> None:
            self.stamps.add(read_stamp_ns(message))
            on_image(message)

        kind = CompressedImage if topics.compressed else Image
        self._image = MatchingSubscription(node, kind, topics.image, take)
        self._info = None
        if on_info:  # one that was sent once and is kept for who comes late as well
            self._info = MatchingSubscription(
                node, CameraInfo, topics.camera_info, on_info, follows_durability=True
            )

    @property
    def image(self) -> Any:
        """The rclpy subscription of the image; another one where its publishers offer another QoS."""
        return self._image.subscription

    @property
    def lost(self) -> int | None:
        """How many images the transport lost; None where the RMW does not tell."""
        return self._image.lost

    def destroy(self) -> None:
        """Take the subscriptions off the graph."""
        for subscription in (self._image, self._info):
            if subscription:
                subscription.destroy()
