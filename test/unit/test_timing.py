"""Stage times."""

from __future__ import annotations

import time

import pytest

from restore_node.common.timing import StageTimer


def test_stages_are_timed_one_by_one_and_though_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    moments_ns = iter([1_000_000, 21_500_000, 30_000_000, 30_250_000])
    monkeypatch.setattr(time, 'perf_counter_ns', lambda: next(moments_ns))
    timer = StageTimer()
    with timer.stage('work'):
        pass
    with pytest.raises(KeyError), timer.stage('fail'):
        raise KeyError
    assert timer.stages_ms == {'work': 20.5, 'fail': 0.25}
