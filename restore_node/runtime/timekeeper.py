"""Timekeeper: lets a camera's frames out when their time has come, and gives up on a backend that hangs.

A call into native code cannot be interrupted, and may never come back. So a thread of its own, which makes no
such call, publishes the original of a frame that is due, and takes a frame from a backend that keeps it.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence

from restore_node.runtime.job import Job
from restore_node.runtime.threads import CLOCK, Clock

LOG = logging.getLogger(__name__)


class Timekeeper:
    """Calls back, from a thread of its own, for each frame whose time is over.

    Args:
        let_out: settles a frame that is due, as it came; called for frames in the order in which they came.
        give_up: takes the frame of a backend that hangs, once.
        hang_timeout_s: how long the backend may take for one frame, seconds; 0 waits for ever.
        clock: the time.
    """

    def __init__(
        self,
        let_out: Callable[[Job], None],
        give_up: Callable[[Job], None],
        hang_timeout_s: float,
        clock: Clock = CLOCK,
    ) -> None:
        self._let_out, self._give_up, self._clock = let_out, give_up, clock
        self._hang_timeout_s = hang_timeout_s or math.inf
        self._changed = threading.Condition()
        self._frames: deque[Job] = deque()
        self._at_work: Job | None = None
        self._hangs_at = self._ends_at = self._wakes_at = math.inf
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name='timekeeper', daemon=True)
        self._thread.start()

    def add(self, frame: Job) -> None:
        """Watch over a frame until it is settled; nothing is to be done for one without a deadline."""
        if frame.due < math.inf:
            with self._changed:
                self._forget_settled()
                self._frames.append(frame)
                self._wake()

    def begin(self, frame: Job) -> None:
        """The worker goes into the backend with a frame, and takes no other one until `end`."""
        with self._changed:
            self._at_work = frame
            self._hangs_at = min(self._clock.now() + self._hang_timeout_s, self._ends_at)
            self._wake()

    def end(self, frame: Job) -> bool:
        """The worker has come back from the backend; False where the frame was taken from it meanwhile."""
        with self._changed:
            is_its_own = self._at_work is frame
            if is_its_own:
                self._at_work, self._hangs_at = None, math.inf
            return is_its_own

    def hurry(self, left_s: float) -> None:
        """Give the backend at most `left_s` seconds more, for this frame and any further one."""
        with self._changed:
            self._ends_at = min(self._ends_at, self._clock.now() + left_s)
            if self._at_work:
                self._hangs_at = min(self._hangs_at, self._ends_at)
                self._wake()

    def close(self, patience_s: float) -> None:
        """Watch no longer; waits for what is being done about a frame, at most `patience_s` seconds."""
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
        return min(self._hangs_at, *map(self._leaves_at, self._frames), math.inf)

    def _wake(self) -> None:
        # A thread that wakes earlier sees for itself; not waking it saves a switch of threads a frame.
        if self._next() < self._wakes_at:
            self._changed.notify()

    def _run(self) -> None:
        while due := self._wait():
            act, frames = due
            for frame in frames:
                try:
                    act(frame)
                except Exception:  # without this thread frames would be late, and the next hang for ever
                    LOG.exception('the timekeeper goes on after an error')
                frame.is_settled = True

    def _wait(self) -> tuple[Callable[[Job], None], Sequence[Job]] | None:
        """Wait for frames whose time is over, and tell what is to be done about them; None once closed."""
        with self._changed:
            while not self._is_closed:
                now = self._clock.now()
                if self._at_work and self._hangs_at <= now:
                    hung, self._at_work, self._hangs_at = self._at_work, None, math.inf
                    return self._give_up, [hung]
                self._forget_settled()
                leaving = [self._leaves_at(frame) <= now for frame in self._frames]
                if any(leaving):  # with those that came before them
                    last = len(leaving) - leaving[::-1].index(True)
                    return self._let_out, list(self._frames)[:last]
                self._wakes_at = self._next()
                left = self._wakes_at - now
                self._clock.wait(self._changed, None if left == math.inf else left)
            return None
