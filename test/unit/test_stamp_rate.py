"""The camera's rate by its stamps, whatever is lost on the way."""

from __future__ import annotations

import pytest

from restore_node.runtime.stamp_rate import StampRate

PERIOD_NS = 100_000_000


def test_it_is_the_cameras_though_a_third_is_lost() -> None:
    rate = StampRate()
    for number in range(200):
        if number % 3:
            rate.add(number * PERIOD_NS + 1)
    assert rate.hz == pytest.approx(10.0)


def test_stamps_that_tell_nothing_are_passed_over() -> None:
    rate = StampRate()
    assert rate.hz is None
    for stamp in (None, 0, PERIOD_NS, PERIOD_NS, 0, 5 * PERIOD_NS, 4 * PERIOD_NS):
        rate.add(stamp)
    assert rate.hz is None
    rate.add(5 * PERIOD_NS)
    assert rate.hz == pytest.approx(10.0)


def test_images_that_do_not_arrive_are_counted_by_the_gaps_they_leave() -> None:
    rate = StampRate()
    for number in range(1, 200):
        if number % 10 < 4:  # four of ten, in a row
            rate.add(number * PERIOD_NS)
    assert rate.missing == pytest.approx(0.6 * 200, abs=10)


@pytest.mark.parametrize('gaps', [(1, 1), (1, 2), (1, 1, 1, 11)], ids=['steady', 'uneven', 'pauses'])
def test_a_camera_that_is_uneven_or_pauses_loses_nothing(gaps: tuple[int, ...]) -> None:
    rate, stamp = StampRate(), PERIOD_NS
    for number in range(200):
        stamp += gaps[number % len(gaps)] * PERIOD_NS
        rate.add(stamp)
    assert rate.missing == 0
