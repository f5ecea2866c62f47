"""Stage times and percentiles."""

from __future__ import annotations

import time

import pytest

from restore_node.common.timing import Percentiles, StageTimer


def test_stages_are_timed_one_by_one_and_though_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    moments_ns = iter([1_000_000, 21_500_000, 30_000_000, 30_250_000])
    monkeypatch.setattr(time, 'perf_counter_ns', lambda: next(moments_ns))
    timer = StageTimer()
    with timer.stage('work'):
        pass
    with pytest.raises(KeyError), timer.stage('fail'):
        raise KeyError
    assert timer.stages_ms == {'work': 20.5, 'fail': 0.25}


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
