"""With a deadline no frame leaves later, whatever the backend takes; by a clock that tests advance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fake_clock import FakeClock
from stream_world import World
from waiting import wait_until

from restore_node.runtime.deadline import PROBE_S, RestoreTimes

pytest.importorskip('hypothesis', reason='hypothesis is not installed')
from hypothesis import given, settings, strategies

TICK_S = 1 / 128  # a power of two: times add up exactly
DEADLINE_S = 12 * TICK_S
AT_ONCE = 0.0


class Timed:
    """A stream with a deadline, and when each frame came and left."""

    def __init__(self, deadline_s: float = DEADLINE_S, max_age_s: float = 0.0) -> None:
        self.world = World({})
        self.world.settings.deadline, self.world.settings.max_age = deadline_s, max_age_s
        self.clock: FakeClock = self.world.clock
        self.came: dict[int, float] = {}
        self.left: dict[int, float] = {}
        self.limit_s = deadline_s or max_age_s
        self.world.look = lambda _: None
        self.world.on_publish = lambda number: self.left.setdefault(number, self.clock.now())

    def send(self, takes_s: float) -> int:
        """A frame comes that takes the backend so long; its number."""
        number = len(self.came) + 1
        self.world.script[number], self.world.takes_s[number] = 'last', takes_s
        self.came[number] = self.clock.now()
        self.world.send(number)
        return number

    def tick(self, ticks: int = 1) -> None:
        """Let time pass in steps, and each time wait until those are out that had to be."""
        for _ in range(ticks):
            self.settle()
            self.clock.advance(TICK_S)
        self.settle()

    def settle(self) -> None:
        now = self.clock.now()
        due = [number for number, came in self.came.items() if came + self.limit_s <= now]
        wait_until(lambda: set(due) <= set(self.world.outcomes()), lambda: (due, self.world.outcomes()))

    def wait_for(self, number: int) -> tuple[str, str]:
        return self.world.wait_for(number)


@pytest.fixture
def timed() -> Iterator[Callable[..., Timed]]:
    made: list[Timed] = []

    def make(**options: float) -> Timed:
        made.append(Timed(**options))
        return made[-1]

    yield make
    for one in made:
        one.world.close()


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(
    strategies.lists(
        strategies.tuples(strategies.integers(0, 15), strategies.integers(0, 60)), min_size=1, max_size=20
    )
)
def test_no_frame_leaves_late(frames: list[tuple[int, int]]) -> None:
    """At any load: frames that come in any rhythm, and take the backend any time."""
    one = Timed()
    try:
        for gap, takes in frames:
            one.tick(gap)
            one.send(takes * TICK_S)
        one.tick(13)
    finally:
        one.world.close()
    assert all(left <= one.came[number] + DEADLINE_S for number, left in one.left.items())
    assert one.world.published == sorted(one.world.published)
    assert set(one.world.outcomes()) == set(one.came)
    counts = one.world.counters.counts()
    assert len(one.left) == counts.restored + counts.passed_through


def test_frames_are_restored_while_there_is_time(timed: Callable[..., Timed]) -> None:
    one = timed()
    for _ in range(20):
        number = one.send(3 * TICK_S)
        wait_until(lambda: one.world.is_at_work)
        one.tick(3)
        assert one.wait_for(number) == ('restored', 'restored')


def test_an_original_leaves_when_it_is_due_and_the_late_result_is_not_published(
    timed: Callable[..., Timed],
) -> None:
    one = timed()
    number = one.send(30 * TICK_S)
    wait_until(lambda: one.world.is_at_work)
    one.tick(12)
    assert one.wait_for(number) == ('passed_through', 'deadline')
    assert one.left[number] == DEADLINE_S
    one.tick(20)
    wait_until(lambda: not one.world.is_at_work)
    assert one.world.published == [number]


def test_nobody_waits_behind_a_frame_that_is_late(timed: Callable[..., Timed]) -> None:
    one = timed()
    one.send(60 * TICK_S)
    wait_until(lambda: one.world.is_at_work)
    one.tick(12)
    for _ in range(10):
        number = one.send(AT_ONCE)
        assert one.wait_for(number) == ('passed_through', 'deadline')
        assert one.left[number] == one.came[number]
        one.tick()


def test_where_there_is_no_time_the_original_leaves_at_once_until_there_is_again(
    timed: Callable[..., Timed],
) -> None:
    one = timed()
    for _ in range(2):  # the slowest alone would not count
        number = one.send(20 * TICK_S)
        wait_until(lambda: one.world.is_at_work)
        one.tick(20)
        wait_until(lambda: not one.world.is_at_work)
        assert one.wait_for(number) == ('passed_through', 'deadline')
    attempts = 0
    while one.wait_for(number := one.send(AT_ONCE)) == ('passed_through', 'deadline'):
        assert one.left[number] == one.came[number]
        one.tick(16)
        attempts += 1
        assert attempts < 1000, 'it never finds out that there is time again'
    assert attempts >= PROBE_S / (16 * TICK_S)


def test_without_a_deadline_no_frame_leaves_older_than_max_age(timed: Callable[..., Timed]) -> None:
    one = timed(deadline_s=0.0, max_age_s=16 * TICK_S)
    number = one.send(100 * TICK_S)
    wait_until(lambda: one.world.is_at_work)
    one.tick(16)
    assert one.wait_for(number) == ('passed_through', 'deadline')
    assert one.left[number] == 16 * TICK_S


def test_without_any_limit_a_frame_may_take_its_time(timed: Callable[..., Timed]) -> None:
    one = timed(deadline_s=0.0)
    number = one.send(100 * TICK_S)
    wait_until(lambda: one.world.is_at_work)
    one.limit_s = 1000.0
    one.tick(101)
    assert one.wait_for(number) == ('restored', 'restored')


def test_what_a_frame_was_old_when_it_came_counts(timed: Callable[..., Timed]) -> None:
    one = timed()
    one.world.now_ns = int((1 + 8 * TICK_S) * 1e9)  # the first frame's stamp is 1 s
    number = one.send(30 * TICK_S)
    wait_until(lambda: one.world.is_at_work)
    one.limit_s = 4 * TICK_S
    one.tick(4)
    assert one.wait_for(number) == ('passed_through', 'deadline')
    assert one.left[number] == 4 * TICK_S


def test_a_frame_that_is_overdue_when_it_comes_leaves_at_once(timed: Callable[..., Timed]) -> None:
    one = timed()
    one.world.now_ns = 10 * 10**9
    assert one.wait_for(one.send(AT_ONCE)) == ('passed_through', 'deadline')
    assert one.left == {1: 0.0}


def test_the_estimate_is_a_high_quantile_of_the_size_asked_for() -> None:
    times = RestoreTimes()
    assert times.estimate('small') == 0.0
    for seconds in (0.1, 0.1, 0.9, 0.2):
        times.add('small', seconds)
    assert times.estimate('small') == 0.2
    for _ in range(20):
        times.add('small', 0.1)
    assert times.estimate('small') == 0.1
