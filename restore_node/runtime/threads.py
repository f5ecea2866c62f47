"""Threads that may be left behind in a native library, and the clock, which tests replace."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from weakref import WeakSet

_native: WeakSet[threading.Thread] = WeakSet()


def start_native(name: str, function: Callable[[], None]) -> threading.Thread:
    """Start a thread for calls into a native library, which may never come back."""
    thread = threading.Thread(target=function, name=name, daemon=True)
    _native.add(thread)
    thread.start()
    return thread


def end_process(code: int) -> int:
    """Leave the process at once where a native library still holds a thread; else return the exit code.

    The interpreter's own way out would pull the ground from under such a thread and crash.
    """
    if any(thread.is_alive() for thread in list(_native)):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


class Clock:
    """The monotonic clock, seconds, and waiting by it."""

    def now(self) -> float:
        """Return the time now, seconds since some moment."""
        return time.monotonic()

    def wait(self, condition: threading.Condition, timeout_s: float | None) -> None:
        """Wait for a condition that the caller holds, at most `timeout_s` seconds; None waits for ever."""
        condition.wait(timeout_s)


CLOCK = Clock()
