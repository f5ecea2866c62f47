"""What `/diagnostics` says about each camera of the node."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from diagnostic_updater import DiagnosticStatusWrapper, Updater
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from restore_node.common.errors import ConfigError
from restore_node.ros.camera import Camera
from restore_node.runtime.health import Level, Notice
from restore_node.runtime.supervisor import SupervisorState

LOG = logging.getLogger(__name__)


class Diagnostics:
    """Publishes the cameras' health and counters on `/diagnostics`, and logs what is wrong, now and then.

    Each camera has a status. `state` returns the supervisor's state, `backend` what is to be known about the
    backend, and `batches` how many there were of each number of frames.

    Raises:
        ConfigError: `diagnostic_updater.period` is no positive number.
    """

    def __init__(
        self,
        node: Node,
        cameras: Sequence[Camera],
        state: Callable[[], SupervisorState],
        backend: Callable[[], Notice],
        batches: Callable[[], Mapping[int, int]],
    ) -> None:
        self._state, self._backend, self._batches = state, backend, batches
        updater = _updater(node)
        updater.setHardwareID('none')
        for camera in cameras:
            updater.add(f'{camera.topics.prefix}restoration', partial(self._fill, camera))

    def _fill(self, camera: Camera, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        watch = camera.watch
        notices = [Notice('inactive', Level.OK, 'inactive')]
        if watch:
            notices = watch.notices()
            for one in watch.health.news(notices):
                level = logging.ERROR if one.level is Level.ERROR else logging.WARNING
                LOG.log(level, f'{camera.topics.image}: {one.line}')
            notices = sorted([self._backend(), *notices], key=lambda one: -one.level)
        worst = notices[0]
        status.summary(
            bytes([worst.level]),
            '; '.join(one.line for one in notices if one.level > Level.OK) or worst.line,
        )
        for name, value in {**self._values(camera), **(watch.values() if watch else {})}.items():
            status.add(name, str(value))
        return status

    def _values(self, camera: Camera) -> dict[str, object]:
        state, counts = self._state(), camera.counters.counts()
        return {
            'model': state.running or 'none',
            'model wanted': state.wanted,
            'backend': state.backend or 'none',
            'device': state.device or 'none',
            'received': counts.received,
            'restored': counts.restored,
            'passed_through': counts.passed_through,
            'dropped': counts.dropped,
            'in_flight': counts.in_flight,
            **{f'reason {name}': count for name, count in counts.reasons.items()},
            **{f'batches of {size}': count for size, count in sorted(dict(self._batches()).items())},
            **{
                f'latency {name} ms': f'{milliseconds:.1f}'
                for name, milliseconds in camera.counters.latency_ms().items()
            },
        }


def _updater(node: Node) -> Any:
    """The library's updater, by the wall's time and under the node's full name.

    Its own timer runs by the node's clock: nothing would be said while a simulated one stands.
    """
    try:
        updater = Updater(node)
    except Exception as error:  # rclpy raises several kinds, all about the period's value
        raise ConfigError(
            'diagnostic_updater.period has an impossible value', seen=error, wanted='seconds, above 0'
        ) from error
    node.destroy_timer(updater.timer)
    if not updater.period > 0:
        raise ConfigError('diagnostic_updater.period', seen=updater.period, wanted='seconds, above 0')
    updater.timer = node.create_timer(
        updater.period, updater.update, clock=Clock(clock_type=ClockType.STEADY_TIME)
    )
    updater.node_name = node.get_fully_qualified_name()  # two cameras in two namespaces stay two
    return updater
