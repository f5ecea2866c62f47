"""Measure hops under the RMW of the environment: `python -m dev.bench_node.hop FILE.json [--size WxH ...]`.

All processes of a case run side by side, and get their frames in turn: whatever else the machine does hits
all alike. A turn is over when its frames are back, so nothing queues; one that is not back in time is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from restore_node.common.host import describe_host, utc_now
from restore_node.common.timing import percentiles
from restore_node.tools.cli import parse_size

RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
SIZES = ('640x360', '1280x720', '1920x1080')
CAMERAS = (1, 4)
#: Where a serialised message, behind CDR's four bytes, has its stamp, by which frames are told apart here.
STAMP = slice(4, 12)
START_S, WARM_UP_S, LIMIT_S = 30.0, 5.0, 2.0
TICK_S = 1.0 / os.sysconf('SC_CLK_TCK')
OURS = 'restore_node'
#: One node for all cameras; of the others, and of `OURS`, each camera has one.
TOGETHER = 'restore_node_together'
#: Everything it does but the model: pixels are decoded, converted, and encoded anew.
PARAMETERS = {'backend': 'passthrough', 'gate_threshold': '0.0', 'diagnostic_updater.period': '0.5'}


def command_of(name: str) -> list[str]:
    """How one of the compared nodes is started, without its arguments for ROS."""
    if name in (OURS, TOGETHER):
        return [sys.executable, '-m', 'restore_node.ros.node']
    return [sys.executable, '-m', 'dev.bench_node.others', name]


@dataclass
class Camera:
    """The topics of one camera, and the frames that came back.

    Attributes:
        publisher: of its input.
        back_ns: when frames came back, by their stamps.
    """

    publisher: Any
    subscription: Any = None
    back_ns: dict[bytes, int] = field(default_factory=dict)


@dataclass
class Case:
    """One of the compared nodes, in as many processes as it takes for the cameras that are asked for."""

    name: str
    processes: list[subprocess.Popen[bytes]]
    cameras: list[Camera]
    hops_ms: list[float] = field(default_factory=list)
    sent: int = 0
    cpu_s: float = 0.0

    def used_s(self) -> float:
        """Seconds of CPU that the processes have used so far, all their threads together."""
        stats = [Path(f'/proc/{one.pid}/stat').read_text() for one in self.processes]
        fields = [stat.rpartition(')')[2].split() for stat in stats]
        return sum(int(field[11]) + int(field[12]) for field in fields) * TICK_S


class Bench:
    """The cameras and the reader, in one process.

    Args:
        size: (width, height) of the frames.
        cameras: how many send at the same time.
    """

    def __init__(self, size: tuple[int, int], cameras: int) -> None:
        self.size, self.cameras = size, cameras
        self.node = rclpy.create_node('bench')
        self.executor = rclpy.executors.SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.running: set[str] = set()
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 10)
        width, height = size
        message = Image(height=height, width=width, encoding='bgr8', step=3 * width)
        message.header.frame_id = 'camera'
        message.data.frombytes(os.urandom(3 * width * height))
        self.message = bytearray(serialize_message(message))

    def close(self) -> None:
        """Leave the graph."""
        self.executor.shutdown()
        self.node.destroy_node()

    @contextmanager
    def started(self, name: str) -> Iterator[Case]:
        """Start one of the compared nodes for all cameras, and wait until all of them answer."""
        labels = [f'{name}_{index}' for index in range(self.cameras)]
        wanted = len(self.running) + self.cameras * name.startswith(OURS)
        with ExitStack() as stack:
            groups = [labels] if name == TOGETHER else [[label] for label in labels]
            processes = [stack.enter_context(_process(name, group)) for group in groups]
            case = Case(name, processes, [self._camera(label, processes) for label in labels])
            self._wait(lambda: len(self.running) >= wanted, f'{name} to run', processes)
            for _ in range(5):
                self._turn(case, patience_s=WARM_UP_S)
            case.hops_ms, case.sent = [], 0
            yield case

    def measure(self, cases: list[Case], frames: int, pause_s: float, limit_s: float) -> None:
        """Send `frames` frames to each camera of each case, in turn."""
        for _ in range(frames):
            for case in cases:
                before = case.used_s()
                self._turn(case, limit_s)
                case.cpu_s += case.used_s() - before
                time.sleep(pause_s)

    def _turn(self, case: Case, patience_s: float) -> None:
        """One frame for each camera of a case, all at the same time."""
        now_ns = time.time_ns()
        self.message[STAMP] = struct.pack('<iI', *divmod(now_ns, 10**9))
        stamp, message = bytes(self.message[STAMP]), bytes(self.message)
        sent_ns = {}
        for index, camera in enumerate(case.cameras):
            sent_ns[index] = time.monotonic_ns()
            camera.publisher.publish(message)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and any(stamp not in camera.back_ns for camera in case.cameras):
            self.executor.spin_once(timeout_sec=0.1)
        for index, camera in enumerate(case.cameras):
            back_ns = camera.back_ns.pop(stamp, None)
            if back_ns:
                case.hops_ms.append((back_ns - sent_ns[index]) / 1e6)
        case.sent += 1

    def _camera(self, label: str, processes: list[subprocess.Popen[bytes]]) -> Camera:
        """The topics of a camera, once its node has them."""
        image_raw, image_restored = f'/{label}/image_raw', f'/{label}/image_restored'
        camera = Camera(self.node.create_publisher(Image, image_raw, RELIABLE))

        def came(message: bytes) -> None:
            camera.back_ns[bytes(message[STAMP])] = time.monotonic_ns()

        camera.subscription = self.node.create_subscription(Image, image_restored, came, RELIABLE, raw=True)

        def has_topics() -> bool:
            is_published = self.node.count_publishers(image_restored) > 0
            return camera.publisher.get_subscription_count() > 0 and is_published

        self._wait(has_topics, f'the topics of {label}', processes)
        return camera

    def _wait(self, is_so: Any, what: str, processes: list[subprocess.Popen[bytes]]) -> None:
        deadline = time.monotonic() + START_S
        while not is_so():
            if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
                sys.exit(f'error: waited for {what}; see what it printed')
            self.executor.spin_once(timeout_sec=0.1)

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {value.key: value.value for value in status.values}
            if values.get('backend') == PARAMETERS['backend']:
                self.running.add(status.name)


@contextmanager
def _process(name: str, labels: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """One of the compared nodes, in the namespace of its camera or for several cameras."""
    remaps, parameters = {'__node': labels[0]}, {}
    if name in (OURS, TOGETHER):
        # Best effort loses frames that are larger than the RMW's buffers: that is another measurement.
        reliable = {f'qos_overrides./{one}/image_raw.subscription.reliability': 'reliable' for one in labels}
        parameters = PARAMETERS | reliable
    if name == TOGETHER:
        parameters['cameras'] = f'[{", ".join(labels)}]'
    else:
        remaps |= {'__ns': f'/{labels[0]}', 'in': 'image_raw', 'out': 'image_restored'}
    arguments = [word for old, new in remaps.items() for word in ('-r', f'{old}:={new}')]
    arguments += [word for key, value in parameters.items() for word in ('-p', f'{key}:={value}')]
    process = subprocess.Popen(
        [*command_of(name), '--ros-args', '--log-level', 'fatal', *arguments], stdin=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def result_of(case: Case, size: tuple[int, int], cameras: int) -> dict[str, Any]:
    """Figures of one case."""
    sent = case.sent * cameras
    return {
        'node': case.name,
        'size': list(size),
        'cameras': cameras,
        'frames': sent,
        'lost': sent - len(case.hops_ms),
        'hop_ms': percentiles(case.hops_ms, 3),
        'cpu_ms': round(1e3 * case.cpu_s / sent, 3),
    }


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog='hop', description=__doc__.split('\n')[0])
    parser.add_argument('file', type=Path, help='where the figures go')
    parser.add_argument('--size', nargs='+', default=SIZES, metavar='WxH')
    parser.add_argument('--cameras', nargs='+', type=int, default=CAMERAS)
    parser.add_argument('--frames', type=int, default=200, help='of each camera of each case (default 200)')
    parser.add_argument('--pause', type=float, default=0.005, help='seconds between turns (default 0.005)')
    parser.add_argument(
        '--limit', type=float, default=LIMIT_S, help='seconds after which a frame is lost (default 2)'
    )
    given = parser.parse_args()
    rclpy.init()
    results = []
    for size in map(parse_size, given.size):
        for cameras in given.cameras:
            bench = Bench(size, cameras)
            names = ('relay', OURS, *((TOGETHER,) if cameras > 1 else ()), 'plain')
            with ExitStack() as stack:
                cases = [stack.enter_context(bench.started(name)) for name in names]
                bench.measure(cases, given.frames, given.pause, given.limit)
                results += [result_of(case, size, cameras) for case in cases]
            bench.close()
            for result in results[-len(cases) :]:
                print(json.dumps(result), flush=True)
            write_report(given.file, results)
    rclpy.try_shutdown()


def write_report(file: Path, results: list[dict[str, Any]]) -> None:
    """Write what there is so far, in place of what there was."""
    report = {
        'format': 1,
        'date': utc_now(),
        'rmw_implementation': rclpy.get_rmw_implementation_identifier(),
        'ros_distro': os.environ.get('ROS_DISTRO', ''),
        'host': describe_host(),
        'load_average': round(os.getloadavg()[0], 2),
        'results': results,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
