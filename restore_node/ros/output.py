"""Output: what the node publishes for one camera."""

from __future__ import annotations

from collections.abc import Callable

import rclpy
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from restore_node.common.errors import ConfigError
from restore_node.messages.frame import Header
from restore_node.ros.camera_info import CameraInfoRelay
from restore_node.ros.compressed_output import CompressedOutput
from restore_node.ros.parameters import restore_parameters
from restore_node.ros.qos import overridable, publisher_qos
from restore_node.ros.topics import IMAGE_IN, IMAGE_OUT, camera_info_in, camera_info_of


class Output:
    """The restored image, raw and compressed, each made only for who subscribes it; and its camera_info.

    Args:
        node: publishes.
        settings: returns the parameters as they are now.

    Attributes:
        topic: resolved name of the restored image's.
        image: its publisher.
        relay: takes the input's camera_info; None where both images share it.
        info_in: resolved name of the topic that it comes on.

    Raises:
        ConfigError: input and output are the same topic.
    """

    def __init__(self, node: LifecycleNode, settings: Callable[[], restore_parameters.Params]) -> None:
        self._node = node
        source = node.resolve_topic_name(IMAGE_IN)
        self.topic = node.resolve_topic_name(IMAGE_OUT)
        if self.topic == source:
            raise ConfigError(
                'input and output are the same topic', seen=source, fix=f'remap {IMAGE_OUT} elsewhere'
            )
        self.image = self._publisher(Image, self.topic)
        self._compressed = self._publisher(CompressedImage, f'{self.topic}/compressed')
        self._compressed_output = CompressedOutput(self._compressed.publish, settings)
        # Where both images lie side by side their camera_info is one topic: republishing it would be a loop.
        self._info = None
        self.relay = None
        self.info_in = camera_info_in(node, source)
        # A rule that remaps camera_info may hold for this name, too.
        info_out = node.resolve_topic_name(camera_info_of(self.topic))
        if info_out != self.info_in:
            self._info = self._publisher(CameraInfo, info_out, is_latched=True)
            self.relay = CameraInfoRelay(self._info.publish)

    def _publisher(self, kind: type, topic: str, is_latched: bool = False) -> rclpy.publisher.Publisher:
        return self._node.create_lifecycle_publisher(
            kind, topic, publisher_qos(is_latched), qos_overriding_options=overridable()
        )

    def is_watched(self) -> bool:
        """Whether anyone subscribes to the restored image, raw or compressed."""
        return self.image.get_subscription_count() > 0 or self._compressed.get_subscription_count() > 0

    def publish(self, image: bytes | bytearray, header: Header, height: int, width: int) -> None:
        """Publish a serialised image, which may change afterwards, and the camera_info that belongs to it."""
        if self.image.get_subscription_count():
            self.image.publish(bytes(image))  # rclpy takes nothing else; of bytes this is no copy
        if self._compressed.get_subscription_count():
            self._compressed_output.publish(image)
        if self.relay:
            self.relay.accompany(header, height, width)

    def destroy(self) -> None:
        """Take the topics off the graph."""
        for publisher in (self.image, self._compressed, self._info):
            if publisher is not None:
                self._node.destroy_lifecycle_publisher(publisher)
