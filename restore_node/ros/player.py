"""Play an image topic of a bag in its own time, byte for byte, with `/clock` (docs/contracts.md, section 5).

Unlike `ros2 bag play` it needs no rosbag2, does not start before its listeners are there, and writes down
what it sent, so that frames which the transport lost can be told from frames which the node dropped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from restore_node.common.atomic import replace_text, writing
from restore_node.common.errors import ReplayError, RestoreError
from restore_node.messages.bag import BagReader, Topic
from restore_node.messages.cdr import read_stamp_ns
from restore_node.ros.bag_clock import BagClock
from restore_node.ros.message_types import message_class
from restore_node.ros.stopping import StopRequest, stop_on_signals
from restore_node.ros.topics import camera_info_of

QUEUE_DEPTH = 10
# The two ends of a connection learn of each other at slightly different times, and the node's subscription
# becomes reliable once it has seen that this publisher is (matching.py).
MATCHING_GRACE_S = 1.0
POLL_S = 0.05


class Player:
    """Publishes the messages of a bag at the times they were recorded, by a node that needs no spinning.

    The options are those of `_parse`; `stop` ends waiting and playing early once it is set.

    Raises:
        BagError: the topic is not in the bag, is no image, or is empty.
        ReplayError: a message type is not installed here.
    """

    def __init__(self, node: Node, reader: BagReader, options: argparse.Namespace, stop: StopRequest) -> None:
        self._node, self._reader, self._options, self._stop = node, reader, options, stop
        self._publishers = {topic.name: _publisher(node, topic) for topic in topics_to_play(reader, options)}
        self._clock = BagClock(node, reader.start_ns, options.rate, stop)
        self._stamps_ns: list[int | None] = []
        self._duration_s = 0.0

    def wait_for_listeners(self) -> None:
        """Hold the bag at its beginning until somebody listens and, if asked for, answers.

        Raises:
            ReplayError: nobody did within `wait_s`.
        """
        deadline = time.monotonic() + self._options.wait_s
        while (missing := self._missing()) and not self._stop.is_set():
            if time.monotonic() > deadline:
                raise ReplayError(
                    f'nothing was played, {missing}',
                    seen=f'none in {self._options.wait_s:g} s',
                    fix='see the log of the node: it subscribes and publishes once it is active',
                )
            self._clock.sleep(POLL_S)
        self._clock.sleep(MATCHING_GRACE_S)

    def play(self) -> None:
        """Publish every message when it is due, then let the time run on while the last frames finish."""
        self._clock.start()
        first = 0.0
        for message in self._reader.messages(list(self._publishers)):
            self._clock.sleep_until(message.time_ns)
            if self._stop.is_set():
                return
            self._publishers[message.topic].publish(message.data)
            if message.topic == self._options.topic:
                now = time.monotonic()
                first = first or now
                self._duration_s = now - first
                self._stamps_ns.append(read_stamp_ns(message.data))
        self._clock.sleep(self._options.settle_s)

    def write_report(self, path: Path) -> None:
        """Write `player.json`; it appears under its name only when it is complete."""
        report = {
            'frames_played': len(self._stamps_ns),
            'stamps_ns': self._stamps_ns,
            'duration_s': round(self._duration_s, 6),
            'topic': self._options.topic,
        }
        with writing(path, ReplayError):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, json.dumps(report) + '\n')

    def _missing(self) -> str:
        """Say who is not there yet; empty once all are."""
        topic, answer = self._options.topic, self._options.answer
        if not self._publishers[topic].get_subscription_count():
            return f'no subscriber of {topic}'
        if answer and not self._node.count_publishers(answer):
            return f'no publisher of {answer}'
        if answer and not self._node.count_subscribers(answer):
            return f'no subscriber of {answer}'
        return ''


def topics_to_play(reader: BagReader, options: argparse.Namespace) -> list[Topic]:
    """The image topic, the `camera_info` beside it, and all else if asked for; never the answer itself.

    Raises:
        BagError: the image topic is not in the bag, is no image, or is empty.
    """
    image = reader.images([options.topic])[0]
    camera_info = camera_info_of(options.topic.removesuffix('/compressed'))
    others = [
        topic
        for topic in reader.topics
        if topic.name not in (image.name, options.answer, '/clock')
        and (options.everything or topic.name == camera_info)
    ]
    return [image, *others]


def _publisher(node: Node, topic: Topic) -> Publisher:
    """A reliable publisher, which every subscriber matches, as durable as the recorded ones were."""
    latched = bool(topic.qos) and all(offered.durability.name == 'TRANSIENT_LOCAL' for offered in topic.qos)
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    profile = QoSProfile(depth=QUEUE_DEPTH, durability=durability)
    return node.create_publisher(message_class(topic.type, topic.name), topic.name, profile)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='player', description='Play an image topic of a bag with /clock.')
    parser.add_argument('bag', type=Path, help='rosbag2 folder, or an .mcap or .db3 file')
    parser.add_argument('--topic', default='/camera/image_raw', help='image topic (%(default)s)')
    parser.add_argument('--all', dest='everything', action='store_true', help='play all other topics too')
    parser.add_argument('--rate', type=float, default=1.0, help='bag seconds per wall second (%(default)s)')
    parser.add_argument('--answer', default='', help='wait for publisher and subscriber of this topic too')
    parser.add_argument(
        '--wait', dest='wait_s', type=float, default=60.0, help='longest wait, s (%(default)s)'
    )
    parser.add_argument('--settle', dest='settle_s', type=float, default=2.0, help='go on after the end, s')
    parser.add_argument('--report', type=Path, help='file to write what was played to (player.json)')
    options = parser.parse_args(arguments)
    if not 0.01 <= options.rate <= 100:
        raise ReplayError('impossible rate', seen=options.rate, wanted='0.01 to 100')
    return options


def main() -> int:
    """Run the player; returns 0, or 2 after an error the user can mend."""
    stop = stop_on_signals()
    try:
        options = _parse(remove_ros_args(sys.argv)[1:])
        with BagReader(options.bag) as reader:
            rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
            node = rclpy.create_node('player', start_parameter_services=False)
            player = Player(node, reader, options, stop)
            player.wait_for_listeners()
            player.play()
            if options.report and not stop.is_set():
                player.write_report(options.report)
    except RestoreError as error:
        sys.stderr.write(f'error: {error}\n')
        return 2
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
