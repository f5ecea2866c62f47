"""Drives the real node over real DDS: the node is a process of its own, this one publishes and listens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from dev.soak.asking import ask

PATIENCE = 120.0  # seconds that only a hang exceeds
# One side of a match is seen here; nothing tells when the other side has seen it too.
SETTLE = 0.5
# However slow the machine is, no frame is too old, unless a test says so.
DEFAULTS = {'diagnostic_updater.period': 0.2, 'max_age': 0.0}
RELIABLE = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)


def wait_for(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Return once the condition holds; fail the test with `what` when it does not in `patience` seconds."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f'waited {patience:g} s in vain for {what}')
        time.sleep(0.01)


def picture(height: int = 24, width: int = 32, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Random pixels that plus-ten does not clip: uint8 `[height, width, channels]`."""
    return np.random.default_rng(seed).integers(0, 240, (height, width, channels), dtype=np.uint8)


def image_message(
    pixels: np.ndarray,
    stamp: tuple[int, int],
    encoding: str = 'rgb8',
    frame_id: str = 'front_optical',
    padding: int = 0,
) -> Image:
    """A `sensor_msgs/Image` of `[H, W, C]` pixels, each row followed by `padding` bytes."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, width * channels + padding), np.uint8)
    rows[:, : width * channels] = pixels.reshape(height, -1)
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1])
    message.header.stamp, message.header.frame_id = Time(sec=stamp[0], nanosec=stamp[1]), frame_id
    message.data.frombytes(rows.tobytes())
    return message


def pixels_of(message: Image) -> np.ndarray:
    """`[H, W, C]` uint8 pixels of an unpadded 8-bit message."""
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, -1)


class NodeProcess:
    """The node as users start it, with what it printed and how it ended."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        self.lines.extend(line.rstrip() for line in self._process.stdout)

    @property
    def output(self) -> str:
        return '\n'.join(self.lines)

    def wait(self, patience: float = PATIENCE) -> int:
        """Exit code; the process ends by itself."""
        code = self._process.wait(patience)
        self._reader.join(patience)
        return code

    def stop(self, number: int = signal.SIGINT) -> int:
        """Exit code after a signal to the whole group, which is what Ctrl-C sends."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
        return self.wait()

    def abort(self) -> str:
        """What it printed, and where each thread of it stands."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGABRT)
            self.wait()
        return self.output

    def end(self) -> None:
        """Interrupt it if it still runs. Killing is the last resort: Fast DDS leaves shared memory locked."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def node_command(
    parameters: dict[str, object], remaps: dict[str, str], name: str = 'restore_node'
) -> list[str]:
    """The command line that starts the node of this Python's package."""
    command = [
        sys.executable,
        '-X',
        'faulthandler',
        '-m',
        'restore_node.ros.node',
        '--ros-args',
        '-r',
        f'__node:={name}',
    ]
    for key, value in parameters.items():
        command += [
            '-p',
            f'{key}:={json.dumps(value) if not isinstance(value, str) else value or repr(value)}',
        ]
    for source, target in remaps.items():
        command += ['-r', f'{source}:={target}']
    return command


class Bench:
    """A camera, a detector and an operator in one: everything that talks to the node under test."""

    def __init__(self) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node('bench', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._stopping = False
        self._processes: list[NodeProcess] = []
        self.diagnostics: list[dict[str, str]] = []
        self.environment: dict[str, str] | None = None  # of the nodes; None is that of this process
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._take_diagnostics, 10)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stopping:
            self._executor.spin_once(timeout_sec=0.05)

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {value.key: value.value for value in status.values}
            level = status.level if isinstance(status.level, int) else status.level[0]
            self.diagnostics.append(
                values | {'level': str(level), 'message': status.message, 'name': status.name}
            )

    def start(self, command: list[str]) -> NodeProcess:
        """Start a node; it is ended after the test if it still runs."""
        self.diagnostics.clear()
        process = NodeProcess(command, self.environment)
        self._processes.append(process)
        return process

    def start_node(self, remaps: dict[str, str] | None = None, **parameters: object) -> NodeProcess:
        """Start the node with parameters and wait until it subscribes (or, without autostart, answers)."""
        remaps = remaps or {}
        process = self.start(node_command({**DEFAULTS, **parameters}, remaps))
        if parameters.get('autostart', True):
            topic = remaps.get('image_raw', '/image_raw')
            topic += '/compressed' if parameters.get('image_transport') == 'compressed' else ''
            try:
                wait_for(lambda: self.node.count_subscribers(topic), f'the node to subscribe {topic}')
            except AssertionError as error:
                raise AssertionError(f'{error}; it printed:\n{process.abort()}') from None
        return process

    def camera(self, topic: str = '/image_raw', kind: type = Image, qos: QoSProfile = RELIABLE):
        """A publisher that the node has found."""
        publisher = self.node.create_publisher(kind, topic, qos)
        wait_for(publisher.get_subscription_count, f'the node to subscribe {topic}')
        time.sleep(SETTLE)
        return publisher

    def detector(
        self, topic: str = '/image_restored', kind: type = Image, qos: QoSProfile = RELIABLE
    ) -> list:
        """A list that fills with what is published; returns once the node's publisher is matched."""
        received: list = []
        self.node.create_subscription(kind, topic, received.append, qos)
        wait_for(lambda: self.node.count_publishers(topic), f'a publisher of {topic}')
        time.sleep(SETTLE)
        return received

    def call(self, kind: type, service: str, request: object):
        """The answer of a service."""
        client = self.node.create_client(kind, service)
        try:
            return ask(client, request, wait_for)
        finally:
            self.node.destroy_client(client)

    def transition(self, name: str) -> bool:
        """Ask for a lifecycle transition by name, such as `configure`; whether it succeeded."""
        transition = Transition(id=getattr(Transition, f'TRANSITION_{name.upper()}'))
        return self.call(
            ChangeState, '/restore_node/change_state', ChangeState.Request(transition=transition)
        ).success

    def lifecycle_state(self) -> str:
        """Label of the lifecycle state."""
        return self.call(GetState, '/restore_node/get_state', GetState.Request()).current_state.label

    def set_parameter(self, name: str, value: object):
        """Set a parameter; the result with `successful` and `reason`."""
        message: ParameterMessage = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[message])
        return self.call(SetParameters, '/restore_node/set_parameters', request).results[0]

    def get_parameter(self, name: str):
        """The value of a parameter."""
        request = GetParameters.Request(names=[name])
        (value,) = self.call(GetParameters, '/restore_node/get_parameters', request).values
        return parameter_value_to_python(value)

    def describe(self, names: list[str]):
        """Descriptors of parameters."""
        request = DescribeParameters.Request(names=names)
        return self.call(DescribeParameters, '/restore_node/describe_parameters', request).descriptors

    def wait_for_diagnostics(self, condition: Callable[[dict[str, str]], bool], what: str) -> dict[str, str]:
        """The first status that fits, from now on."""
        start = len(self.diagnostics)
        try:
            wait_for(lambda: any(map(condition, self.diagnostics[start:])), f'diagnostics with {what}')
        except AssertionError as error:
            raise AssertionError(f'{error}; the last said {self.diagnostics[-1:]}') from None
        return next(filter(condition, self.diagnostics[start:]))

    def now(self) -> tuple[int, int]:
        """The time as a stamp."""
        now_ns = time.time_ns()
        return now_ns // 10**9, now_ns % 10**9

    def close(self) -> None:
        """End every process and leave the graph."""
        for process in self._processes:
            process.end()
        self._stopping = True
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


def read_journal(path: Path) -> tuple[list[dict], dict]:
    """Frame lines and summary line of a journal."""
    *frames, summary = [json.loads(line) for line in path.read_text().splitlines()]
    return frames, summary


__all__ = [
    'BEST_EFFORT',
    'RELIABLE',
    'Bench',
    'CameraInfo',
    'Image',
    'NodeProcess',
    'image_message',
    'picture',
]
