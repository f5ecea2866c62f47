"""Timing of a call that is repeated: warm-up first, then percentiles, never a lone mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from restore_node.common.timing import Percentiles


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


def percentiles(times_ms: Sequence[float]) -> dict[str, float]:
    """`{'p50', 'p95', 'p99'}` of one or more values, milliseconds to three places."""
    values = Percentiles(len(times_ms))
    for value in times_ms:
        values.add(value)
    return {name: round(value, 3) for name, value in (values.summary() or {}).items()}
