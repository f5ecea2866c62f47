"""CameraOutput: what the node publishes for one camera."""

from __future__ import annotations

from collections.abc import Callable

import rclpy
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from restore_node.common.errors import EncodingError
from restore_node.messages import codec
from restore_node.messages.cdr import ImageMessage
from restore_node.messages.frame import Frame
from restore_node.ros.camera_info import CameraInfoRelay
from restore_node.ros.qos import overridable, publisher_qos
from restore_node.ros.settings import Params
from restore_node.ros.topics import COMPRESSED, CameraTopics


class CameraOutput:
    """The restored image, raw and compressed, each made only for who subscribes it; and its camera_info.

    `settings` returns the parameters as they are now.

    Attributes:
        topic: resolved name of the restored image's.
        image: its publisher.
        relay: takes the input's camera_info; None where both images share it.
    """

    def __init__(
        self,
        node: LifecycleNode,
        topics: CameraTopics,
        settings: Callable[[], Params],
    ) -> None:
        self._node, self._settings = node, settings
        self.topic = topics.restored
        self.image = self._publisher(Image, self.topic)
        self._compressed = self._publisher(CompressedImage, topics.restored + COMPRESSED)
        self._info = None
        self.relay = None
        if topics.restored_info:
            self._info = self._publisher(CameraInfo, topics.restored_info, is_latched=True)
            self.relay = CameraInfoRelay(self._info.publish)

    def _publisher(self, kind: type, topic: str, is_latched: bool = False) -> rclpy.publisher.Publisher:
        return self._node.create_lifecycle_publisher(
            kind, topic, publisher_qos(is_latched), qos_overriding_options=overridable()
        )

    def is_watched(self) -> bool:
        """Whether anyone subscribes to the restored image, raw or compressed."""
        return self.image.get_subscription_count() > 0 or self._compressed.get_subscription_count() > 0

    def publish(self, image: bytes | bytearray, frame: Frame | ImageMessage, original: bytes | None) -> None:
        """Publish a serialised image, which may change afterwards; see `runtime.job.Output`."""
        if self.image.get_subscription_count():
            self.image.publish(bytes(image))  # rclpy takes nothing else; of bytes this is no copy
        if self._compressed.get_subscription_count():
            self._publish_compressed(image, original)
        if self.relay:
            self.relay.accompany(frame.header, frame.height, frame.width)

    def _publish_compressed(self, image: bytes | bytearray, original: bytes | None) -> None:
        """Publish as image_transport's plugin does; an image that is not read here is left out."""
        try:
            frame = codec.decode(image)
        except EncodingError:
            return  # forwarded byte for byte, for subscribers of the raw image alone
        chosen = self._settings().compressed
        message = codec.keep_compressed(original, frame, chosen.format) if original else None
        if message is None:
            rgb = codec.rgb_of(frame)
            message = codec.encode_compressed(rgb, frame, chosen.format, chosen.jpeg_quality)
        self._compressed.publish(message)

    def destroy(self) -> None:
        """Take the topics off the graph."""
        for publisher in (self.image, self._compressed, self._info):
            if publisher is not None:
                self._node.destroy_lifecycle_publisher(publisher)
