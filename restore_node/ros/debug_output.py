"""DebugOutput: one status for each frame that has its outcome, on `~/debug`, for who subscribes it."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from restore_node.runtime.counters import FrameRecord, Outcome


class DebugOutput:
    """Publishes what became of each frame, the gate's score and the milliseconds of each stage.

    It is best effort, so that nobody who looks on slows the node down.
    """

    def __init__(self, node: Node) -> None:
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._publisher = node.create_publisher(DiagnosticStatus, '~/debug', qos)

    def tell(self, record: FrameRecord) -> None:
        """Publish one frame's outcome; costs nothing while nobody listens."""
        if not self._publisher.get_subscription_count():
            return
        values: dict[str, object] = {
            'stamp ns': record.stamp_ns,
            'outcome': record.outcome.value,
            'reason': record.reason.value,
            **record.measured,
        }
        is_lost = record.outcome is Outcome.DROPPED
        if not is_lost:
            values['latency ms'] = record.latency_ms
        self._publisher.publish(
            DiagnosticStatus(
                level=DiagnosticStatus.WARN if is_lost else DiagnosticStatus.OK,
                name=record.topic,
                message=f'{record.outcome.value}: {record.reason.value}',
                values=[
                    KeyValue(key=name, value=f'{value:.3f}' if isinstance(value, float) else str(value))
                    for name, value in values.items()
                ],
            )
        )
