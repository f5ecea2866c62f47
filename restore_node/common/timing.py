"""Where a frame's time goes: named stages, and percentiles over the recent past."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np


class StageTimer:
    """Times the stages of one frame by the monotonic clock."""

    def __init__(self) -> None:
        self.stages_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside, milliseconds, under `name`."""
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            self.stages_ms[name] = (time.perf_counter_ns() - start) / 1e6


def percentiles(values: Iterable[float], digits: int | None = None) -> dict[str, float]:
    """p50, p95 and p99 by their names, rounded to `digits` places; empty where there are no values."""
    found = np.array(list(values))
    if not found.size:
        return {}
    marks = np.percentile(found, (50, 95, 99))
    marks = marks if digits is None else np.round(marks, digits)
    return dict(zip(('p50', 'p95', 'p99'), marks.tolist(), strict=True))


def measure_ms(call: Callable[[], object], runs: int, warm_up: int) -> list[float]:
    """Milliseconds of each of `runs` calls by the monotonic clock, after `warm_up` that are not counted."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - start) / 1e6)
    return times
