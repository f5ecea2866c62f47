"""Stopping a ROS program between two steps of its own loop, instead of in the midst of one."""

from __future__ import annotations

import signal
import threading


def stop_on_signals() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set, in place of rclpy's handlers, which end the context.

    A context that is gone takes with it what had arrived but was not handled yet. To be called from the
    main thread, with `rclpy.init(signal_handler_options=SignalHandlerOptions.NO)`.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
