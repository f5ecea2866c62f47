"""Input: what the node subscribes for one camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from restore_node.messages.cdr import read_stamp_ns
from restore_node.ros.matching import Followed, MatchingSubscription
from restore_node.runtime.stamp_rate import StampRate


class Input:
    """The image and, where somebody wants it, its camera_info, as serialised messages.

    Args:
        node: subscribes.
        topic: of the image.
        compressed: it is a `sensor_msgs/CompressedImage`.
        on_image: takes a serialised image.

    Attributes:
        topic: as given.
        stamps: the camera's rate by the stamps of what arrives.
    """

    def __init__(self, node: Node, topic: str, compressed: bool, on_image: Callable[[bytes], None]) -> None:
        self._node, self.topic = node, topic
        self.stamps = StampRate()

        def take(message: bytes) -> None:
            self.stamps.add(read_stamp_ns(message))
            on_image(message)

        self._image = MatchingSubscription(node, CompressedImage if compressed else Image, topic, take)
        self._info: MatchingSubscription | None = None

    @property
    def image(self) -> Any:
        """The rclpy subscription of the image; another one where its publishers offer another QoS."""
        return self._image.subscription

    @property
    def lost(self) -> str:
        """How many images the transport lost, as far as the RMW tells."""
        return 'not told by this RMW' if self._image.lost is None else str(self._image.lost)

    def subscribe_camera_info(self, topic: str, on_info: Callable[[bytes], None]) -> None:
        """Subscribe the camera_info, too; one that was sent once and is kept for who comes late as well."""
        self._info = MatchingSubscription(self._node, CameraInfo, topic, on_info, Followed(durability=True))

    def destroy(self) -> None:
        """Take the subscriptions off the graph."""
        for subscription in (self._image, self._info):
            if subscription:
                subscription.destroy()
