"""The time of a bag that is being played, told on `/clock`."""

from __future__ import annotations

import time

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from restore_node.ros.stopping import StopRequest

PERIOD_S = 0.025  # the rate at which `ros2 bag play --clock` tells it; every subscriber pays for each
QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class BagClock:
    """Stands at the beginning of the bag until `start`, then runs `rate` times as fast as the wall's clock.

    The bag begins at the log time `begin_ns`. Every sleep publishes the time at 40 Hz, and ends early once
    `stop` is set.
    """

    def __init__(self, node: Node, begin_ns: int, rate: float, stop: StopRequest) -> None:
        self._begin_ns, self._rate, self._stop = begin_ns, rate, stop
        self._started: float | None = None
        self._publisher = node.create_publisher(Clock, '/clock', QOS)

    def start(self) -> None:
        """Let the time run."""
        self._started = time.monotonic()

    def now_ns(self) -> int:
        """The bag's time, nanoseconds."""
        if self._started is None:
            return self._begin_ns
        return self._begin_ns + int((time.monotonic() - self._started) * self._rate * 1e9)

    def sleep_until(self, time_ns: int) -> None:
        """Sleep until a moment of the bag, and tell the time once more when it has come."""
        self.sleep((time_ns - self.now_ns()) / 1e9 / self._rate)
        self._tell()

    def sleep(self, seconds: float) -> None:
        """Sleep for seconds of the wall's clock."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stop.wait(min(left, PERIOD_S)):
            self._tell()

    def _tell(self) -> None:
        now_ns = self.now_ns()
        self._publisher.publish(Clock(clock=Time(sec=now_ns // 10**9, nanosec=now_ns % 10**9)))
