"""The watchdog: work in time is left alone, work that hangs is taken over exactly once."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest
from fake_clock import FakeClock
from waiting import LONG

from restore_node.runtime.watchdog import Watchdog

TIMEOUT_S = 10.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def taken() -> Iterator[queue.Queue[str]]:
    taken: queue.Queue[str] = queue.Queue()
    yield taken
    assert taken.empty()


def watchdog(clock: FakeClock, taken: queue.Queue[str], timeout_s: float = TIMEOUT_S) -> Watchdog[str]:
    return Watchdog(timeout_s, taken.put, clock)


def test_work_in_time_is_left_alone(clock: FakeClock, taken: queue.Queue[str]) -> None:
    dog = watchdog(clock, taken)
    for work in ('a', 'b', 'c'):  # together longer than the timeout: each has its own time
        dog.begin(work)
        clock.advance(0.9 * TIMEOUT_S)
        assert dog.end(work)
    dog.close(LONG)


def test_work_that_hangs_is_taken_over_once(clock: FakeClock, taken: queue.Queue[str]) -> None:
    dog = watchdog(clock, taken)
    dog.begin('slow')
    clock.advance(TIMEOUT_S)
    assert taken.get(timeout=LONG) == 'slow'
    assert not dog.end('slow')
    dog.begin('quick')
    assert dog.end('quick')
    clock.advance(2 * TIMEOUT_S)
    dog.close(LONG)


def test_zero_waits_for_ever_unless_hurried(clock: FakeClock, taken: queue.Queue[str]) -> None:
    dog = watchdog(clock, taken, timeout_s=0.0)
    dog.begin('slow')
    clock.advance(1e9)
    assert dog.end('slow')
    dog.begin('slower')
    dog.hurry(5.0)
    clock.advance(5.0)
    assert taken.get(timeout=LONG) == 'slower'
    dog.close(LONG)


def test_hurrying_gives_no_more_time_than_there_is(clock: FakeClock, taken: queue.Queue[str]) -> None:
    dog = watchdog(clock, taken)
    dog.begin('slow')
    dog.hurry(100 * TIMEOUT_S)
    clock.advance(TIMEOUT_S)
    assert taken.get(timeout=LONG) == 'slow'
    dog.hurry(0.0)  # nothing is watched
    dog.close(LONG)


def test_it_outlives_an_error_of_whoever_takes_over(clock: FakeClock) -> None:
    taken: queue.Queue[str] = queue.Queue()

    def take(work: str) -> None:
        taken.put(work)
        raise ZeroDivisionError

    dog = Watchdog(TIMEOUT_S, take, clock)
    for work in ('a', 'b'):
        dog.begin(work)
        clock.advance(TIMEOUT_S)
        assert taken.get(timeout=LONG) == work
    dog.close(LONG)
