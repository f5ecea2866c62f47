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
