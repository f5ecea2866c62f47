"""The timekeeper: a backend in time is left alone, one that hangs is given up once."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fake_clock import FakeClock
from waiting import LONG

from restore_node.runtime.counters import PendingFrame
from restore_node.runtime.job import Job
from restore_node.runtime.timekeeper import Timekeeper

TIMEOUT_S = 10.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def taken() -> Iterator[queue.Queue[Job]]:
    taken: queue.Queue[Job] = queue.Queue()
    yield taken
    assert taken.empty()


def frame(**facts: Any) -> Job:
    return Job(PendingFrame('/image', 1), b'', SimpleNamespace(), **facts)  # type: ignore[arg-type]


def timekeeper(
    clock: FakeClock,
    give_up: Callable[[Job], None],
    timeout_s: float = TIMEOUT_S,
    let_out: Callable[[Job], None] = lambda _: None,
) -> Timekeeper:
    return Timekeeper(let_out, give_up, timeout_s, clock)


def test_a_backend_in_time_is_left_alone(clock: FakeClock, taken: queue.Queue[Job]) -> None:
    keeper = timekeeper(clock, taken.put)
    for _ in range(3):  # together longer than the timeout: each frame has its own time
        one = frame()
        keeper.begin(one)
        clock.advance(0.9 * TIMEOUT_S)
        assert keeper.end(one)
    keeper.close(LONG)


def test_a_backend_that_hangs_is_given_up_once(clock: FakeClock, taken: queue.Queue[Job]) -> None:
    keeper = timekeeper(clock, taken.put)
    slow, quick = frame(), frame()
    keeper.begin(slow)
    clock.advance(TIMEOUT_S)
    assert taken.get(timeout=LONG) is slow
    assert not keeper.end(slow)
    keeper.begin(quick)
    assert keeper.end(quick)
    clock.advance(2 * TIMEOUT_S)
    keeper.close(LONG)


def test_zero_waits_for_ever_unless_hurried(clock: FakeClock, taken: queue.Queue[Job]) -> None:
    keeper = timekeeper(clock, taken.put, timeout_s=0.0)
    slow, slower = frame(), frame()
    keeper.begin(slow)
    clock.advance(1e9)
    assert keeper.end(slow)
    keeper.begin(slower)
    keeper.hurry(5.0)
    clock.advance(5.0)
    assert taken.get(timeout=LONG) is slower
    keeper.close(LONG)


def test_hurrying_gives_no_more_time_than_there_is(clock: FakeClock, taken: queue.Queue[Job]) -> None:
    keeper = timekeeper(clock, taken.put)
    slow = frame()
    keeper.begin(slow)
    keeper.hurry(100 * TIMEOUT_S)
    clock.advance(TIMEOUT_S)
    assert taken.get(timeout=LONG) is slow
    keeper.close(LONG)


def test_a_frame_that_goes_in_after_the_hurry_has_no_more_time(
    clock: FakeClock, taken: queue.Queue[Job]
) -> None:
    keeper = timekeeper(clock, taken.put, timeout_s=0.0)
    keeper.hurry(5.0)  # the worker has taken its last frame, and is still decoding it
    clock.advance(3.0)
    keeper.hurry(5.0)
    last = frame()
    keeper.begin(last)
    clock.advance(2.0)
    assert taken.get(timeout=LONG) is last
    keeper.close(LONG)


def test_a_hang_is_found_before_the_frames_behind_it_are_let_out(clock: FakeClock) -> None:
    done: queue.Queue[tuple[str, Job]] = queue.Queue()
    keeper = timekeeper(
        clock, lambda job: done.put(('given up', job)), let_out=lambda job: done.put(('out', job))
    )
    hung, behind = frame(), frame(due=TIMEOUT_S)
    keeper.begin(hung)
    keeper.add(behind)
    clock.advance(TIMEOUT_S)
    assert [done.get(timeout=LONG) for _ in range(2)] == [('given up', hung), ('out', behind)]
    keeper.close(LONG)


def test_it_outlives_an_error_of_whoever_takes_over(clock: FakeClock) -> None:
    taken: queue.Queue[Job] = queue.Queue()

    def take(job: Job) -> None:
        taken.put(job)
        raise ZeroDivisionError

    keeper = timekeeper(clock, take)
    for one in (frame(), frame()):
        keeper.begin(one)
        clock.advance(TIMEOUT_S)
        assert taken.get(timeout=LONG) is one
    keeper.close(LONG)
