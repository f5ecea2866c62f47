"""What `/diagnostics` says about the node."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper, Updater

from restore_node.runtime.counters import FrameCounters, FrameCounts
from restore_node.runtime.supervisor import SupervisorState

Level = tuple[bytes, str]


def judge(state: SupervisorState, active: bool, bypass: bool, on_failure: str) -> Level:
    """Level and one-line message for the state the node is in."""
    if not active:
        return DiagnosticStatus.OK, 'inactive'
    if bypass:
        return DiagnosticStatus.WARN, 'bypassed by parameter'
    if state.restart:
        return DiagnosticStatus.ERROR, f'restart this node: {state.restart}'
    if state.running and state.building:
        return DiagnosticStatus.WARN, f'frames pass through: building the engine, {state.building}'
    if state.running and state.degraded:
        return DiagnosticStatus.WARN, f'restoring with {state.running} on {state.device}; {state.degraded}'
    if state.running and state.error:
        return DiagnosticStatus.WARN, f'restoring with {state.running}; {state.error}'
    if state.running:
        return DiagnosticStatus.OK, f'restoring with {state.running} on {state.device}'
    outcome = 'frames pass through' if on_failure == 'passthrough' else 'frames are dropped'
    if state.error:
        return DiagnosticStatus.ERROR, f'{outcome}: {state.error}'
    return DiagnosticStatus.WARN, f'{outcome}: loading {state.wanted}'


class Rates:
    """Frames per second in and out since it was last asked."""

    def __init__(self) -> None:
        self._then, self._received, self._published = time.monotonic(), 0, 0

    def take(self, counts: FrameCounts) -> tuple[float, float]:
        """Rates in and out, Hz, from the counts now and those before."""
        now, published = time.monotonic(), counts.restored + counts.passed_through
        elapsed = max(now - self._then, 1e-3)
        rates = (counts.received - self._received) / elapsed, (published - self._published) / elapsed
        self._then, self._received, self._published = now, counts.received, published
        return rates


class Diagnostics:
    """Publishes the node's state and its counters on `/diagnostics`.

    Args:
        node: the rclpy node.
        counters: of the frames.
        state: returns the supervisor's state.
        level: returns level and message.
        last_malformed: returns the last complaint about a malformed message, or an empty text.
    """

    def __init__(
        self,
        node: Any,
        counters: FrameCounters,
        state: Callable[[], SupervisorState],
        level: Callable[[], Level],
        last_malformed: Callable[[], str],
    ) -> None:
        self._counters, self._state, self._level, self._last_malformed = (
            counters,
            state,
            level,
            last_malformed,
        )
        self._rates = Rates()
        self._updater = Updater(node)
        self._updater.setHardwareID('none')
        self._updater.add('restoration', self._fill)

    def publish(self) -> None:
        """Publish now, out of turn."""
        self._updater.force_update()

    def _fill(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        state, counts = self._state(), self._counters.counts()
        status.summary(*self._level())
        rate_in, rate_out = self._rates.take(counts)
        values: dict[str, object] = {
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
            'rate in Hz': f'{rate_in:.1f}',
            'rate out Hz': f'{rate_out:.1f}',
        }
        for name, milliseconds in (self._counters.latency_ms() or {}).items():
            values[f'latency {name} ms'] = f'{milliseconds:.1f}'
        if self._last_malformed():
            values['last malformed'] = self._last_malformed()
        for name, value in values.items():
            status.add(name, str(value))
        return status
