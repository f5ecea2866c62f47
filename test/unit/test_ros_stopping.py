"""A signal that arrives at the worst moment neither blocks nor gets lost."""

from __future__ import annotations

import subprocess
import sys
import threading

from waiting import LONG

from restore_node.ros.stopping import StopRequest

# Signals at every moment of a main thread that does nothing but wait and look, two of them close together.
UNDER_FIRE = """
import signal
from restore_node.ros.stopping import StopRequest
for delay_us in range(1, 400):
    stop = StopRequest()
    signal.signal(signal.SIGALRM, lambda *_: stop.set())
    signal.signal(signal.SIGVTALRM, lambda *_: stop.set())
    signal.setitimer(signal.ITIMER_REAL, delay_us / 1e6)
    signal.setitimer(signal.ITIMER_VIRTUAL, delay_us / 1e6)
    while not stop.wait(1e-6):
        pass
    assert stop.is_set()
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)  # it may not have come yet, and would end the process later
print('well')
"""


# A wait that would outlast every test, and one signal.
INTERRUPTED = """
import os, signal, threading
from restore_node.ros.stopping import stop_on_signals
stop = stop_on_signals()
threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()
assert stop.wait(1e6)
print('well')
"""


def run(program: str) -> str:
    """What a program prints, in a process of its own: handlers of signals are the whole process's."""
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, timeout=LONG, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_handler_may_ask_whatever_the_main_thread_is_doing() -> None:
    assert run(UNDER_FIRE) == 'well\n'


def test_waiting_ends_with_the_request() -> None:
    stop = StopRequest()
    assert not stop.wait(0.0)
    assert not stop.is_set()
    threading.Timer(0.01, stop.set).start()
    assert stop.wait(LONG)
    assert stop.is_set()
    assert stop.wait(LONG)  # at once, and again


def test_a_signal_ends_the_wait_of_the_thread_it_interrupts() -> None:
    assert run(INTERRUPTED) == 'well\n'


def test_any_number_of_requests_is_one() -> None:
    stop = StopRequest()
    for _ in range(100_000):  # more than a pipe holds
        stop.set()
    assert stop.wait(LONG)
