"""What `/diagnostics` says about the node."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from diagnostic_updater import DiagnosticStatusWrapper, Updater
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from restore_node.common.errors import ConfigError
from restore_node.ros.camera_watch import CameraWatch
from restore_node.runtime.counters import FrameCounters
from restore_node.runtime.health import Finding, Level
from restore_node.runtime.supervisor import SupervisorState

LOG = logging.getLogger(__name__)


class Diagnostics:
    """Publishes the node's health and its counters on `/diagnostics`, and logs what is wrong, now and then.

    Args:
        node: the rclpy node.
        counters: of the frames.
        state: returns the supervisor's state.
        backend: returns what is to be known about the backend.
        watch: returns who watches the camera; None while the node is not active.

    Raises:
        ConfigError: `diagnostic_updater.period` is no positive number.
    """

    def __init__(
        self,
        node: Node,
        counters: FrameCounters,
        state: Callable[[], SupervisorState],
        backend: Callable[[], Finding],
        watch: Callable[[], CameraWatch | None],
    ) -> None:
        self._counters, self._state, self._backend, self._watch = counters, state, backend, watch
        updater = _updater(node)
        updater.setHardwareID('none')
        updater.add('restoration', self._fill)

    def _fill(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        watch = self._watch()
        findings = [Finding('inactive', Level.OK, 'inactive')]
        if watch:
            findings = watch.findings()
            for one in watch.news(findings):
                LOG.log(logging.ERROR if one.level is Level.ERROR else logging.WARNING, one.line)
            findings = sorted([self._backend(), *findings], key=lambda one: -one.level)
        worst = findings[0]
        status.summary(
            bytes([worst.level]),
            '; '.join(one.line for one in findings if one.level > Level.OK) or worst.line,
        )
        for name, value in {**self._values(), **(watch.values() if watch else {})}.items():
            status.add(name, str(value))
        return status

    def _values(self) -> dict[str, object]:
        state, counts = self._state(), self._counters.counts()
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
            **{
                f'latency {name} ms': f'{milliseconds:.1f}'
                for name, milliseconds in (self._counters.latency_ms() or {}).items()
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
