"""A clock that stands still until a test advances it."""

from __future__ import annotations

import threading

from restore_node.runtime.threads import Clock


class FakeClock(Clock):
    """Whoever waits by it sleeps until the time is advanced far enough, or the condition is notified."""

    def __init__(self) -> None:
        self._now = 0.0
        self._waiting: list[threading.Condition] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def wait(self, condition: threading.Condition, timeout_s: float | None) -> None:
        until = None if timeout_s is None else self._now + timeout_s
        with self._lock:
            self._waiting.append(condition)
        try:
            if until is None or self._now < until:
                condition.wait()
        finally:
            with self._lock:
                self._waiting.remove(condition)

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake whoever waits; who is not due looks at the clock and sleeps on."""
        self._now += seconds
        with self._lock:
            waiting = list(self._waiting)
        for condition in waiting:
            with condition:
                condition.notify_all()
