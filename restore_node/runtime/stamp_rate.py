"""StampRate: how often a camera takes images, by their stamps."""

from __future__ import annotations

from collections import deque

#: Gaps between stamps that are looked at: some seconds of a camera.
GAPS = 60
#: Periods from which on a gap counts as loss: some cameras leave every second image out. And nanoseconds up
#: to which it does: a longer one is a pause.
LOSS, PAUSE_NS = 2.5, 1_000_000_000


class StampRate:
    """The camera's own rate: beside the rate of what arrives it shows what was lost before.

    The lower quartile of the gaps is taken: where images are lost most gaps are wider than the camera's, and
    what stamps of one camera jitter by is little beside them.

    Attributes:
        missing: images that did not arrive, as far as gaps tell.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._gaps: deque[int] = deque(maxlen=GAPS)
        self.missing = 0

    def add(self, stamp_ns: int | None) -> None:
        """Take a stamp; none, and gaps that are not positive, tell nothing."""
        if self._last and stamp_ns and stamp_ns > self._last:
            gap = stamp_ns - self._last
            self._gaps.append(gap)
            periods = gap * (self.hz or 0.0) / 1e9
            if periods >= LOSS and gap <= PAUSE_NS:
                self.missing += round(periods) - 1
        self._last = stamp_ns

    @property
    def hz(self) -> float | None:
        """Images a second; None before two stamps were seen."""
        gaps = tuple(self._gaps)
        return 1e9 / sorted(gaps)[len(gaps) // 4] if gaps else None
