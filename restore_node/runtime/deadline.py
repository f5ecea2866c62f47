"""Whether there is time to restore a frame before it has to leave, by what restoring took lately."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable

#: Recent restorations of a size that the estimate is made from; the slowest of them does not count.
WINDOW = 8
#: Least seconds between two attempts without much hope, which find out whether there is time again, and the
#: multiple of the time they take: at most a tenth of the backend's time goes into them.
PROBE_S, PROBE_TIMES = 1.0, 10.0


class RestoreTimes:
    """Estimates how long restoring a frame of some size will take, from what it took lately."""

    def __init__(self) -> None:
        self._by_size: dict[Hashable, deque[float]] = {}
        self._probed_at = -math.inf

    def add(self, size: Hashable, seconds: float) -> None:
        """Take in how long one frame took."""
        self._by_size.setdefault(size, deque(maxlen=WINDOW)).append(seconds)

    def estimate(self, size: Hashable) -> float:
        """Return seconds that all but the slowest stay within; 0 before the first."""
        slowest = sorted(self._by_size.get(size, ()))[-2:]
        return slowest[0] if slowest else 0.0

    def has_time(self, size: Hashable, now: float, due: float) -> bool:
        """Tell whether to try to restore a frame now: there is time, or it is time to find out again."""
        needed = self.estimate(size)
        if now + needed < due:
            return True
        if now >= due or now - self._probed_at < max(PROBE_S, PROBE_TIMES * needed):
            return False
        self._probed_at = now
        return True
