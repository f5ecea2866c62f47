"""What is done to a node while its camera sends. Each act undoes itself, so that the next meets it whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from dev.soak.camera import ENCODINGS, FORMATS, RELIABLE, SIZES, Camera
from dev.soak.mutation import mutated
from dev.soak.subject import Subject
from dev.soak.watch import Watch

#: Seconds that an act lasts, and how often.
REST_S, SHARES = (0.3, 0.6, 1.2, 14.0), (0.45, 0.3, 0.2, 0.05)
#: Transitions that are possible in each state, and where they lead; and those that end the node's life.
POSSIBLE = {
    'unconfigured': {1: 'inactive'},
    'inactive': {2: 'unconfigured', 3: 'active'},
    'active': {4: 'inactive'},
}
LAST = {'unconfigured': 5, 'inactive': 6, 'active': 7}
CLOCKS_S = (None, -1e9, -3600.0, -0.6, 37.0, 3e8)
#: Values that are to be accepted, and values that are not.
GOOD = {
    'max_age': (0.0, 0.1, 5.0),
    'deadline': (0.05, 0.3),
    'gate_threshold': (-1.0, 0.0, 200.0),
    'output_encoding': ('mono8', 'rgb8'),
    'compressed.format': ('png', 'jpeg'),
    'on_failure': ('drop',),
}
BAD = {
    'max_age': (-1.0, 'old'),
    'deadline': (1e9,),
    'output_encoding': ('yuv',),
    'compressed.format': ('gif',),
    'model': ('/nowhere.onnx', ''),
    'threads': (3,),
    'nonsense': (1,),
}


class Stage(NamedTuple):
    """Where acts take place.

    Attributes:
        subject: the node.
        camera: its camera.
        watch: gets faults.
        node: of rclpy, for what comes and goes.
        stranger: another one, in a DDS participant of its own: none may have two types under one topic.
        rest: lets so many seconds pass.
        rng: what is random.
        models: that it can run.
        defaults: parameters as they were at the start.
    """

    subject: Subject
    camera: Camera
    watch: Watch
    node: Any
    stranger: Any
    rest: Callable[[float], None]
    rng: np.random.Generator
    models: tuple[str, ...]
    defaults: dict[str, Any]

    def some(self, values: Any) -> Any:
        """One of several values."""
        return values[int(self.rng.integers(len(values)))]

    def a_while(self) -> None:
        """Let some time pass."""
        self.rest(float(self.rng.choice(REST_S, p=SHARES)))

    def moody(self, **changes: Any) -> None:
        """Let the camera behave otherwise for a while."""
        self.camera.mood = replace(self.camera.calm, **changes)
        self.a_while()
        self.camera.mood = self.camera.calm


def change_picture(stage: Stage) -> None:
    """Other sizes and encodings, from one frame to the next."""
    encodings = FORMATS if stage.camera.is_compressed else tuple(ENCODINGS)
    for _ in range(4):
        stage.camera.mood = replace(stage.camera.calm, size=stage.some(SIZES), encoding=stage.some(encodings))
        stage.rest(0.3)
    stage.moody(size=stage.some(SIZES), encoding=stage.some(encodings))


def stop_camera(stage: Stage) -> None:
    """It falls silent, and comes back as another publisher."""
    stage.moody(is_silent=True)
    stage.camera.reopen(RELIABLE)


def set_clock_wrong(stage: Stage) -> None:
    """Stamps of zero, of long ago, of tomorrow, of a little while ago."""
    stage.moody(offset_s=stage.some(CLOCKS_S))


def damage_messages(stage: Stage) -> None:
    """Half of the messages, or all of them."""
    stage.moody(damaged=stage.some((0.5, 1.0)))


def cut_files(stage: Stage) -> None:
    """Files end early; raw images are damaged instead."""
    if stage.camera.is_compressed:
        stage.moody(cut=stage.some((0.1, 0.5, 0.98)))
    else:
        damage_messages(stage)


def change_qos(stage: Stage) -> None:
    """The camera comes back with another QoS, more than once."""
    for _ in range(2):
        reliability = stage.some((ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT))
        durability = stage.some((DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL))
        depth = stage.some((1, 10))
        stage.camera.reopen(QoSProfile(depth=depth, reliability=reliability, durability=durability))
        stage.a_while()
    stage.camera.reopen(RELIABLE)


def add_strangers(stage: Stage) -> None:
    """A publisher of another type on the camera's topic, and a subscriber that asks for too much."""
    topic = f'/{stage.subject.name}/image_raw' + '/compressed' * stage.camera.is_compressed
    publisher = stage.stranger.create_publisher(String, topic, 1)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    deaf = stage.node.create_subscription(
        Image, f'/{stage.subject.name}/image_restored', lambda _: None, latched, raw=True
    )
    stage.a_while()
    stage.stranger.destroy_publisher(publisher)
    stage.node.destroy_subscription(deaf)


def add_listeners(stage: Stage) -> None:
    """Subscribers of everything that comes out come and go."""
    prefix = f'/{stage.subject.name}'
    subscriptions = []
    for kind, topic in (
        (Image, 'image_restored'),
        (CompressedImage, 'image_restored/compressed'),
        (CameraInfo, 'camera_info'),
        (DiagnosticStatus, 'debug'),
    ):
        for depth in (1, 10):
            qos = QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
            subscriptions.append(
                stage.node.create_subscription(kind, f'{prefix}/{topic}', lambda _: None, qos, raw=True)
            )
            stage.rest(0.1)
    stage.a_while()
    for subscription in subscriptions:
        stage.node.destroy_subscription(subscription)
        stage.rest(0.1)


def send_camera_info(stage: Stage) -> None:
    """Calibrations that fit, that do not, and that are damaged."""
    publisher = stage.node.create_publisher(CameraInfo, f'/{stage.subject.name}/camera_info', 10)
    for _ in range(20):
        height, width = stage.some(SIZES)
        message = serialize_message(CameraInfo(height=height, width=width, d=[0.0] * 5))
        if stage.rng.random() < 0.5:
            message = mutated(message, stage.rng).ljust(16, b'\0')
        publisher.publish(message)
        stage.rest(0.05)
    stage.node.destroy_publisher(publisher)


def ask_for_transitions(stage: Stage) -> None:
    """Lifecycle requests at random, possible, impossible and unknown; at the end it is active again."""
    for _ in range(8):
        state = stage.subject.state()
        number = stage.some([one for one in (0, 1, 2, 3, 4, 5, 6, 7, 8, 30, 200) if one != LAST[state]])
        wanted = POSSIBLE[state].get(number, '')
        done = stage.subject.change_state(number)
        now = stage.subject.state()
        line = f'{number} while {state}: success={done}, now {now}'
        stage.watch.expect(done == bool(wanted) and now == (wanted or state), 'lifecycle', line)
    for state, number in (('unconfigured', 1), ('inactive', 3)):
        if stage.subject.state() == state:
            stage.watch.expect(stage.subject.change_state(number), 'lifecycle', f'{number} while {state}')


def reload_model(stage: Stage) -> None:
    """The same model anew, another one, and one that is not there."""
    for model in (*stage.models, stage.models[0]):
        answer = stage.subject.call(Trigger, 'reload', Trigger.Request())
        stage.watch.expect(answer.success, 'service', f'reload: {answer.message}')
        stage.watch.expect(stage.subject.set_parameter('model', model), 'parameter', f'model: {model}')
        stage.a_while()


def bypass(stage: Stage) -> None:
    """Bypass on, and off."""
    for is_on in (True, False):
        answer = stage.subject.call(SetBool, 'bypass', SetBool.Request(data=is_on))
        stage.watch.expect(answer.success, 'service', f'bypass: {answer.message}')
        stage.a_while()


def hammer_parameters(stage: Stage) -> None:
    """Values that fit, and values that do not, as fast as they are answered."""
    for _ in range(15):
        values, is_good = stage.some(((GOOD, True), (BAD, False)))
        name = stage.some(list(values))
        value = stage.some(values[name])
        done = stage.subject.set_parameter(name, value)
        stage.watch.expect(done == is_good, 'parameter', f'{name} = {value!r}: successful={done}')
    stage.a_while()
    for name, value in stage.defaults.items():
        stage.watch.expect(stage.subject.set_parameter(name, value), 'parameter', f'{name} = {value!r}')


def hang_backend(stage: Stage) -> None:
    """The backend takes its time, several times, and once does not come back until it is given up."""
    for seconds in (0.1, 0.3, stage.some((0.6, 4.0, 8.0))):
        stage.subject.hang.touch()
        stage.rest(seconds)
        stage.subject.hang.unlink()
        stage.rest(0.2)


ACTS: tuple[Callable[[Stage], None], ...] = (
    change_picture,
    stop_camera,
    set_clock_wrong,
    damage_messages,
    cut_files,
    change_qos,
    add_strangers,
    add_listeners,
    send_camera_info,
    ask_for_transitions,
    reload_model,
    bypass,
    hammer_parameters,
    hang_backend,
)
