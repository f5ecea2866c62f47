"""Stage times and percentiles."""

from __future__ import annotations

import time

import pytest

from restore_node.common.timing import Percentiles, StageTimer


def test_stages_are_timed_one_by_one_and_though_they_fail() -> None:
    timer = StageTimer()
    with timer.stage('sleep'):
        time.sleep(0.02)
    with pytest.raises(KeyError), timer.stage('fail'):
        raise KeyError
    assert list(timer.stages_ms) == ['sleep', 'fail']
    assert 20 <= timer.stages_ms['sleep'] < 1000
    assert 0 <= timer.stages_ms['fail'] < timer.stages_ms['sleep']


def test_percentiles_of_known_values() -> None:
    percentiles = Percentiles()
    assert percentiles.summary() is None
    for value in range(101):
        percentiles.add(float(value))
    assert percentiles.summary() == {'p50': 50.0, 'p95': 95.0, 'p99': 99.0}


def test_percentiles_forget_what_is_long_past() -> None:
    percentiles = Percentiles(window=3)
    for value in (1000.0, 1.0, 2.0, 3.0):
        percentiles.add(value)
    assert percentiles.summary() == pytest.approx({'p50': 2.0, 'p95': 2.9, 'p99': 2.98})
