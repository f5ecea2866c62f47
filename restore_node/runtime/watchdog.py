"""Watchdog: notices that a call into native code does not come back."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from restore_node.runtime.threads import CLOCK, Clock

LOG = logging.getLogger(__name__)

T = TypeVar('T')


class Watchdog(Generic[T]):
    """Gives up on work that takes too long, once, from a thread of its own.

    A thread inside a hung library cannot be stopped. So the work is taken from it: `end` tells the one who
    comes back late that somebody else has finished in its place.

    Args:
        timeout_s: how long work may take, seconds; 0 waits for ever.
        on_hang: takes the work that hangs.
        clock: the time.
    """

    def __init__(self, timeout_s: float, on_hang: Callable[[T], None], clock: Clock = CLOCK) -> None:
        self._timeout_s, self._on_hang, self._clock = timeout_s or math.inf, on_hang, clock
        self._changed = threading.Condition()
        self._work: T | None = None
        self._due = self._wakes_at = math.inf
        self._is_closed = False
        self._thread = threading.Thread(target=self._watch, name='watchdog', daemon=True)
        self._thread.start()

    def begin(self, work: T) -> None:
        """Watch this work from now on, instead of what was watched before."""
        with self._changed:
            self._work = work
            self._set_due(self._clock.now() + self._timeout_s)

    def end(self, work: T) -> bool:
        """Tell whether the work was finished in time; False where the watchdog has given up on it."""
        with self._changed:
            in_time = self._work is work
            if in_time:
                self._work, self._due = None, math.inf
            return in_time

    def hurry(self, left_s: float) -> None:
        """Give the work at hand at most `left_s` seconds more."""
        with self._changed:
            if self._work is not None:
                self._set_due(min(self._due, self._clock.now() + left_s))

    def close(self, patience_s: float) -> None:
        """Stop watching; waits for work that is being given up, at most `patience_s` seconds."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(patience_s)

    def _set_due(self, due: float) -> None:
        self._due = due
        # A thread that wakes earlier sees for itself; not waking it saves a switch of threads a frame.
        if due < self._wakes_at:
            self._changed.notify()

    def _watch(self) -> None:
        while (work := self._wait_for_hang()) is not None:
            try:
                self._on_hang(work)
            except Exception:  # without this thread the next hang would be for ever
                LOG.exception('the watchdog goes on after an error')

    def _wait_for_hang(self) -> T | None:
        """Work that was not finished in time, taken from whoever is at it; None once closed."""
        with self._changed:
            while not self._is_closed:
                left = self._due - self._clock.now()
                if left <= 0:
                    work, self._work, self._due = self._work, None, math.inf
                    if work is not None:
                        return work
                    continue
                self._wakes_at = self._due
                self._clock.wait(self._changed, None if left == math.inf else left)
            return None
