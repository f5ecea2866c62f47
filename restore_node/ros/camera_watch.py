"""CameraWatch: looks at one active camera, its counters and its peers, for the judgement of its health."""

from __future__ import annotations

from rclpy.node import Node

from restore_node.ros.matching import MatchingSubscription
from restore_node.ros.output import CameraOutput
from restore_node.ros.peers import look_at_peers
from restore_node.runtime.counters import FrameCounters
from restore_node.runtime.health import Health, Notice, Observation
from restore_node.runtime.stream import CameraStream


class CameraWatch:
    """Watches a camera from its activation on.

    Attributes:
        health: judges what is seen.
    """

    def __init__(
        self,
        node: Node,
        counters: FrameCounters,
        stream: CameraStream,
        image: MatchingSubscription,
        output: CameraOutput,
    ) -> None:
        self._node, self._counters, self._stream = node, counters, stream
        self._image, self._output = image, output
        self.health = Health(image.topic, output.topic)

    def notices(self) -> list[Notice]:
        """What is to be known now, the worst first."""
        clock = self._node.get_clock()
        peers = look_at_peers(self._node, self._image.subscription, self._output.image)
        # Not every RMW tells of lost images; the stamps of those that arrive do, where a gap can be a loss.
        missing = self._stream.stamps.missing if peers.is_best_effort else 0
        seen = Observation(
            self._counters.counts(),
            peers,
            clock.now().nanoseconds if clock.ros_time_is_active else None,
            self._stream.age_s,
            self._stream.last_complaint,
            max(self._image.lost or 0, missing),
        )
        return self.health.look(seen)

    def values(self) -> dict[str, str]:
        """What `/diagnostics` shows of it."""
        age_s, by_stamps, lost = self._stream.age_s, self._stream.stamps.hz, self._image.lost
        values = {
            'rate in Hz': f'{self.health.rate_in:.1f}',
            'rate by stamps Hz': 'unknown' if by_stamps is None else f'{by_stamps:.1f}',
            'rate out Hz': f'{self.health.rate_out:.1f}',
            'age at arrival s': 'unknown' if age_s is None else f'{age_s:.3f}',
            'lost in transport': 'not told by this RMW' if lost is None else str(lost),
        }
        if self._output.relay:
            values['camera_info'] = self._output.relay.state
        if self._stream.last_malformed:
            values['last malformed'] = self._stream.last_malformed
        return values
