"""Waiting in tests: for something that happens at once on a fast machine, and on a slow one after a while."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that only a hang exceeds.
LONG = 120.0


def wait_until(condition: Callable[[], object], what: Callable[[], object] = lambda: '') -> None:
    """Return once the condition holds; fail with what `what` returns if it never does."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, f'waited in vain: {what()}'
        time.sleep(0.002)
