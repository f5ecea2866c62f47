"""Cameras at their rate, in one node or in a node each: `python -m dev.bench_node.load --threads 0 1`.

The cameras take their images at the same time, and the model is the real one. What became of the frames, and
how long each took from its arrival to its publication, is read from the nodes' journals.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from dev.bench_node.hop import RELIABLE, STAMP, START_S, command_of
from restore_node.common.host import describe_host
from restore_node.common.timing import percentiles
from restore_node.tools.cli import parse_size

#: Every frame is restored.
PARAMETERS = {'gate_threshold': '0.0', 'diagnostic_updater.period': '0.5'}


@contextmanager
def node_of(names: list[str], journal: Path, **parameters: object) -> Iterator[None]:
    """Run a node for these cameras."""
    given = {'cameras': f'[{", ".join(names)}]', 'journal': journal, **PARAMETERS, **parameters}
    arguments = [word for key, value in given.items() for word in ('-p', f'{key}:={value}')]
    label = f'__node:=node_{names[0]}'
    command = [*command_of('restore_node'), '--ros-args', '--log-level', 'fatal', '-r', label, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(START_S)


def measure(
    size: tuple[int, int], groups: list[list[str]], rate_hz: float, seconds: float, **parameters: object
) -> dict[str, Any]:
    """What became of the frames of the cameras, each group of them in a node of its own."""
    node = rclpy.create_node('cameras')
    running: set[str] = set()

    def diagnosed(message: DiagnosticArray) -> None:
        for status in message.status:
            if any(value.key == 'model' and value.value != 'none' for value in status.values):
                running.add(status.name)

    width, height = size
    message = Image(height=height, width=width, encoding='bgr8', step=3 * width)
    message.data.frombytes(os.urandom(3 * width * height))
    raw = bytearray(serialize_message(message))
    names = [name for group in groups for name in group]
    with TemporaryDirectory() as folder, ExitStack() as stack:
        stack.callback(node.destroy_node)
        journals = [Path(folder) / str(index) for index in range(len(groups))]
        with ExitStack() as nodes:
            for group, journal in zip(groups, journals, strict=True):
                nodes.enter_context(node_of(group, journal, **parameters))
            publishers = [node.create_publisher(Image, f'/{name}/image_raw', RELIABLE) for name in names]
            for name in names:
                node.create_subscription(Image, f'/{name}/image_restored', lambda _: None, RELIABLE, raw=True)
            node.create_subscription(DiagnosticArray, '/diagnostics', diagnosed, 10)
            give_up = time.monotonic() + START_S
            while len(running) < len(names) or not all(one.get_subscription_count() for one in publishers):
                if time.monotonic() > give_up:
                    sys.exit(f'error: waited {START_S:g} s for the models of {", ".join(names)}')
                rclpy.spin_once(node, timeout_sec=0.1)

            def publish() -> None:
                raw[STAMP] = struct.pack('<iI', *divmod(time.time_ns(), 10**9))
                for publisher in publishers:
                    publisher.publish(bytes(raw))

            node.create_timer(1 / rate_hz, publish)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                rclpy.spin_once(node, timeout_sec=0.1)
        lines = [json.loads(line) for journal in journals for line in journal.read_text().splitlines()]
    frames = [line for line in lines if 'outcome' in line]
    restored = [line['latency_ms'] for line in frames if line['outcome'] == 'restored']
    return {
        'nodes': len(groups),
        'cameras': len(names),
        **parameters,
        'frames': len(frames),
        'reasons': dict(Counter(line['reason'] for line in frames)),
        'restored_percent': round(100 * len(restored) / max(1, len(frames)), 1),
        'latency_ms': percentiles(restored, 1),
        'provider': next((line['provider'] for line in lines if 'provider' in line), ''),
        'load_average': round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog='load', description=__doc__.split('\n')[0])
    parser.add_argument('--size', default='320x240', metavar='WxH')
    parser.add_argument('--cameras', type=int, default=4)
    parser.add_argument('--threads', type=int, nargs='+', default=[0], help='of each node (default 0)')
    parser.add_argument('--backend', default='auto')
    parser.add_argument('--rate', type=float, default=10.0, help='Hz (default 10)')
    parser.add_argument('--seconds', type=float, default=20.0, help='of each case (default 20)')
    parser.add_argument('--rounds', type=int, default=2, help='times that each case has its turn (default 2)')
    given = parser.parse_args()
    names = [f'camera{index}' for index in range(given.cameras)]
    rclpy.init()
    print(json.dumps(describe_host()))
    for _ in range(given.rounds):
        for threads in given.threads:
            for groups in ([names], [[name] for name in names]):
                parameters = {'backend': given.backend, 'threads': threads}
                result = measure(parse_size(given.size), groups, given.rate, given.seconds, **parameters)
                print(json.dumps(result), flush=True)
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
