"""Where a frame's time goes: named stages, and percentiles over the recent past."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
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


class Percentiles:
    """p50, p95 and p99 over the last `window` values."""

    def __init__(self, window: int = 512) -> None:
        self._values: deque[float] = deque(maxlen=window)

    def add(self, value: float) -> None:
        """Take one more value."""
        self._values.append(value)

    def summary(self) -> dict[str, float] | None:
        """`{'p50', 'p95', 'p99'}`, or None before the first value."""
        if not self._values:
            return None
        p50, p95, p99 = np.percentile(np.array(self._values), (50, 95, 99))
        return {'p50': float(p50), 'p95': float(p95), 'p99': float(p99)}
