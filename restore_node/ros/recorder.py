"""Record topics into a bag that appears when it is complete (docs/contracts.md, section 5)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from restore_node.common.errors import RestoreError
from restore_node.messages.bag import BagWriter, Message, Topic, qos
from restore_node.ros.message_types import message_class
from restore_node.ros.qos import most_offered
from restore_node.ros.stopping import StopRequest, stop_on_signals

QUEUE_DEPTH = 200
SPIN_S = 0.1
# What had arrived when the signal came is still written.
DRAIN_S = 0.3


class Recorder:
    """Subscribes to each topic as soon as somebody publishes it, and writes its messages as they come.

    The names are resolved ones; the node's clock, simulated or not, gives the log times.
    """

    def __init__(self, node: Node, writer: BagWriter, names: Sequence[str]) -> None:
        self._node, self._writer = node, writer
        self._awaited = list(dict.fromkeys(names))

    def subscribe(self) -> None:
        """Subscribe to the awaited topics that have a publisher by now.

        Raises:
            ReplayError: the type of one is not installed here.
        """
        self._awaited = [name for name in self._awaited if not self._subscribe(name)]

    def _subscribe(self, name: str) -> bool:
        offers = self._node.get_publishers_info_by_topic(name)
        if not offers:
            return False
        type_name = offers[0].topic_type
        reliability, durability = most_offered(offers)
        offered = qos(reliability.name.lower(), durability.name.lower())
        self._writer.add_topic(Topic(name, type_name, qos=(offered,)))
        self._node.create_subscription(
            message_class(type_name, name),
            name,
            partial(self._record, name, type_name),
            QoSProfile(depth=QUEUE_DEPTH, reliability=reliability, durability=durability),
            raw=True,
        )
        return True

    def _record(self, name: str, type_name: str, data: bytes) -> None:
        self._writer.write(Message(name, type_name, self._node.get_clock().now().nanoseconds, data))


def record(output: Path, names: Sequence[str], stop: StopRequest) -> None:
    """Record until `stop` is set, then finish the bag.

    Raises:
        BagError: the bag exists, or cannot be written.
        ReplayError: a message type is not installed here.
    """
    with BagWriter(output) as writer:
        node = rclpy.create_node('recorder')
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        recorder = Recorder(node, writer, names)
        while not stop.is_set():
            recorder.subscribe()
            executor.spin_once(timeout_sec=SPIN_S)  # raises what writing a message raises
        end = time.monotonic() + DRAIN_S
        while time.monotonic() < end:
            executor.spin_once(timeout_sec=DRAIN_S)


def main() -> int:
    """Run the recorder; returns 0, or 2 after an error the user can mend."""
    parser = argparse.ArgumentParser(prog='recorder', description='Record topics into a bag until SIGINT.')
    parser.add_argument('output', type=Path, help='bag to make: an mcap rosbag2 folder')
    parser.add_argument('topics', nargs='+', metavar='topic', help='resolved topic name')
    options = parser.parse_args(remove_ros_args(sys.argv)[1:])
    stop = stop_on_signals()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        record(options.output, options.topics, stop)
    except RestoreError as error:
        sys.stderr.write(f'error: {error}\n')
        return 2
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
