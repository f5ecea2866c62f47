"""Deadlines: sees to it that each frame leaves in time, restored or as it came.

A call into a backend cannot be interrupted. So whether there is time is asked before it, by what restoring
took lately; and where it takes longer all the same, the original goes out at its time from a thread of its
own, and what the backend returns later is not published.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Hashable

from restore_node.runtime.job import Job
from restore_node.runtime.threads import CLOCK, Clock

LOG = logging.getLogger(__name__)

#: Recent restorations of a size that the estimate is made from; the slowest of them does not count.
WINDOW = 8
#: Least seconds between two attempts without much hope, which find out whether there is time again, and the
#: multiple of the time they take: at most a tenth of the backend's time goes into them.
PROBE_S, PROBE_TIMES = 1.0, 10.0


class RestoreTimes:
    """Estimates how long restoring a frame of some size will take, from what it took lately."""

    def __init__(self) -> None:
        self._by_size: dict[Hashable, deque[float]] = {}
        self._newest: Hashable = None

    def add(self, size: Hashable, seconds: float) -> None:
        """Take in how long one frame took."""
        self._by_size.setdefault(size, deque(maxlen=WINDOW)).append(seconds)
        self._newest = size

    def estimate(self, size: Hashable = None) -> float:
        """Return seconds that all but the slowest stay within; 0 before the first. No size is the newest."""
        slowest = sorted(self._by_size.get(size or self._newest, ()))[-2:]
        return slowest[0] if slowest else 0.0


class Deadlines:
    """Lets the frames out whose time has come.

    Args:
        let_out: settles a frame as it came; called from a thread of its own, in the frames' order.
        clock: the time.

    Attributes:
        times: what restoring took.
    """

    def __init__(self, let_out: Callable[[Job], None], clock: Clock = CLOCK) -> None:
        self._let_out, self._clock, self.times = let_out, clock, RestoreTimes()
        self._changed = threading.Condition()
        self._frames: deque[Job] = deque()
        self._at_work: Job | None = None
        self._probed_at = -math.inf
        self._wakes_at = math.inf
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name='deadlines', daemon=True)
        self._thread.start()

    def add(self, frame: Job) -> None:
        """Watch over a frame until it is settled; nothing is to be done for one without a deadline."""
        if frame.due < math.inf:
            with self._changed:
                self._forget_settled()
                self._frames.append(frame)
                self._wake()

    def begin(self, frame: Job) -> None:
        """The worker has gone into the backend with a frame, and takes no other one until `end`."""
        with self._changed:
            self._at_work = frame

    def end(self, frame: Job) -> None:
        """The worker has come back from the backend, or another worker has taken its place."""
        with self._changed:
            if self._at_work is frame:
                self._at_work = None

    def has_time(self, frame: Job, size: Hashable) -> bool:
        """Tell whether to try to restore a frame now: there is time, or it is time to find out again."""
        now, needed = self._clock.now(), self.times.estimate(size)
        if now + needed < frame.due:
            return True
        if now >= frame.due or now - self._probed_at < max(PROBE_S, PROBE_TIMES * needed):
            return False
        self._probed_at = now
        return True

    def close(self, patience_s: float) -> None:
        """Let nothing out any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(patience_s)

    def _forget_settled(self) -> None:
        while self._frames and self._frames[0].is_settled:
            self._frames.popleft()

    def _leaves_at(self, frame: Job) -> float:
        """Return when a frame has to leave: when due, but at once while the worker is late with another."""
        if frame.is_settled:
            return math.inf
        at_work = self._at_work
        return -math.inf if at_work and at_work is not frame and at_work.is_settled else frame.due

    def _next(self) -> float:
        return min(map(self._leaves_at, self._frames), default=math.inf)

    def _wake(self) -> None:
        # A thread that wakes earlier sees for itself; not waking it saves a switch of threads a frame.
        if self._next() < self._wakes_at:
            self._changed.notify()

    def _run(self) -> None:
        while frames := self._wait():
            for frame in frames:
                try:
                    self._let_out(frame)
                except Exception:  # without this thread frames would leave late for ever
                    LOG.exception('the deadlines go on after an error')
                frame.is_settled = True

    def _wait(self) -> list[Job]:
        """Wait for the frames that have to leave now, and those that came before them; none once closed."""
        with self._changed:
            while not self._is_closed:
                self._forget_settled()
                now, next_at = self._clock.now(), self._next()
                if next_at <= now:
                    leaving = [self._leaves_at(frame) <= now for frame in self._frames]
                    last = len(leaving) - leaving[::-1].index(True)
                    return list(self._frames)[:last]
                self._wakes_at = next_at
                self._clock.wait(self._changed, None if next_at == math.inf else next_at - now)
            return []
