"""The watchdog: work in time is left alone, work that hangs is taken over exactly once."""

from __future__ import annotations

import queue
import time

import pytest

from restore_node.runtime.watchdog import Watchdog

SOON = 5.0


@pytest.fixture
def taken():
    return queue.Queue()


def test_work_in_time_is_left_alone(taken):
    dog = Watchdog(SOON, taken.put)
    for work in ('a', 'b'):
        dog.begin(work)
        assert dog.end(work)
    dog.close()
    assert taken.empty()


def test_work_that_hangs_is_taken_over_once(taken):
    dog = Watchdog(0.02, taken.put)
    dog.begin('slow')
    assert taken.get(timeout=SOON) == 'slow'
    assert not dog.end('slow')
    dog.begin('quick')
    assert dog.end('quick')
    time.sleep(0.05)
    dog.close()
    assert taken.empty()


def test_each_work_has_its_own_time(taken):
    dog = Watchdog(0.2, taken.put)
    for index in range(8):  # together longer than the timeout
        dog.begin(index)
        time.sleep(0.05)
        assert dog.end(index)
    dog.close()
    assert taken.empty()


def test_zero_waits_for_ever(taken):
    dog = Watchdog(0.0, taken.put)
    dog.begin('slow')
    time.sleep(0.05)
    assert dog.end('slow')
    dog.close()
