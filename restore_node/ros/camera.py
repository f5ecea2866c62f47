"""Camera: one camera of the node, with its topics, its way through the runtime, and its counters."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from restore_node.ros.camera_watch import CameraWatch
from restore_node.ros.cv_bridge_fallback import read_with_cv_bridge
from restore_node.ros.matching import MatchingSubscription
from restore_node.ros.output import CameraOutput
from restore_node.ros.settings import Params
from restore_node.ros.topics import CameraTopics
from restore_node.runtime.batches import Batches
from restore_node.runtime.counters import FrameCounters, FrameRecord
from restore_node.runtime.stream import CameraStream


class Camera:
    """Publishes while it is configured, subscribes and restores while it is active.

    `settings` returns the parameters as they are now; `on_record` gets every frame's outcome.

    Attributes:
        counters: of its frames.
        watch: who judges it; None while it is not active.
    """

    def __init__(
        self,
        node: LifecycleNode,
        topics: CameraTopics,
        settings: Callable[[], Params],
        on_record: Callable[[FrameRecord], None],
    ) -> None:
        self._node, self.topics, self._settings = node, topics, settings
        self.counters = FrameCounters(on_record)
        self.watch: CameraWatch | None = None
        self._output: CameraOutput | None = None
        self._subscriptions: list[MatchingSubscription] = []
        self._stream: CameraStream | None = None

    def configure(self) -> None:
        """Create the publishers."""
        self._output = CameraOutput(self._node, self.topics, self._settings)

    def activate(self, batches: Batches) -> None:
        """Subscribe, and restore what comes with the frames of the node's other cameras."""
        assert self._output
        self._stream = CameraStream(
            self.topics.image,
            self.topics.compressed,
            self._output,
            batches,
            self.counters,
            settings=self._settings,
            now_ns=lambda: self._node.get_clock().now().nanoseconds,
            hang_timeout_s=self._settings().hang_timeout,
            read_otherwise=read_with_cv_bridge,
        )
        self._stream.start()
        kind = CompressedImage if self.topics.compressed else Image
        image = MatchingSubscription(self._node, kind, self.topics.image, self._stream.receive)
        self._subscriptions.append(image)
        if relay := self._output.relay:  # one that was sent once and is kept for who comes late as well
            info = self.topics.camera_info
            self._subscriptions.append(
                MatchingSubscription(self._node, CameraInfo, info, relay.receive, follows_durability=True)
            )
        self.watch = CameraWatch(self._node, self.counters, self._stream, image, self._output)
        self._node.get_logger().info(f'restoring {self.topics.image} to {self.topics.restored}')

    def finish(self) -> None:
        """Unsubscribe; the frame at hand goes on."""
        self.watch = None
        while self._subscriptions:
            self._subscriptions.pop().destroy()
        if self._stream:
            self._stream.finish()

    def deactivate(self) -> bool:
        """Wait for the frame at hand; whether the camera was active."""
        self.finish()
        stream, self._stream = self._stream, None
        if stream:
            stream.stop()
        return stream is not None

    def free(self) -> None:
        """Take the publishers off the graph."""
        if self._output:
            self._output.destroy()
            self._output = None
