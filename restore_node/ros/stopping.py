"""Stopping a ROS program between two steps of its own loop, instead of in the midst of one."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress


class StopRequest:
    """What a signal handler asks for and the main loop looks at.

    `threading.Event` is not made for this: every wait holds its lock for moments, and a handler that runs in
    such a moment, on the same thread, waits for that lock for ever. A flag and a pipe need no lock.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def set(self) -> None:
        """Ask to stop; safe in a signal handler and from any thread."""
        self._is_set = True
        with suppress(BlockingIOError):  # a full pipe wakes whoever waits just as well
            os.write(self._writer, b'.')

    def is_set(self) -> bool:
        """Whether somebody has asked."""
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        """Sleep at most `timeout_s` seconds, not longer than until somebody asks; whether somebody has."""
        if not self._is_set:
            select.select([self._reader], [], [], max(0.0, timeout_s))
        return self._is_set


def stop_on_signals() -> StopRequest:
    """What SIGINT and SIGTERM set, in place of rclpy's handlers, which end the context.

    A context that is gone takes with it what had arrived but was not handled yet. To be called from the
    main thread, with `rclpy.init(signal_handler_options=SignalHandlerOptions.NO)`.
    """
    stop = StopRequest()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
