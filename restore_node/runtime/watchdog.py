"""Watchdog: notices that a call into native code does not come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')


class Watchdog(Generic[T]):
    """Gives up on work that takes too long, once, from a thread of its own.

    A thread inside a hung library cannot be stopped. So the work is taken from it: `end` tells the one who
    comes back late that somebody else has finished in its place.

    Args:
        timeout_s: how long work may take, seconds; 0 waits for ever.
        on_hang: takes the work that hangs.
    """

    def __init__(self, timeout_s: float, on_hang: Callable[[T], None]) -> None:
        self._timeout_s, self._on_hang = timeout_s, on_hang
        self._changed = threading.Condition()
        self._work: T | None = None
        self._due = 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name='watchdog', daemon=True)
        self._thread.start()

    def begin(self, work: T) -> None:
        """Watch this work from now on, instead of what was watched before."""
        with self._changed:
            self._work, self._due = work, time.monotonic() + self._timeout_s
            self._changed.notify()

    def end(self, work: T) -> bool:
        """Whether the work was finished in time; False where the watchdog has given up on it."""
        with self._changed:
            in_time = self._work is work
            if in_time:
                self._work = None
                self._changed.notify()
            return in_time

    def close(self) -> None:
        """Stop watching."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or (self._work is not None and self._timeout_s > 0)
                )
                if self._closed:
                    return
                work, left = self._work, self._due - time.monotonic()
                if left > 0:
                    self._changed.wait_for(lambda: self._closed or self._work is not work, left)  # noqa: B023
                    continue
                self._work = None
            if work is not None:
                self._on_hang(work)
