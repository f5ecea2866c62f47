"""Supervisor: sees to it that a working backend is at hand, lends it, and says when there is none.

One thread decides: it takes events from one queue and hands them to the state machine (supervision.py).
Native calls, to open or to close a backend, run on threads of their own, because they may never come back.
The one lock here guards plain Python data and is never held across a native call: nobody waits for a library.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from restore_node.backends.base import Backend, Candidate
from restore_node.common.errors import BackendError, EngineMissingError, ModelError, RestoreError
from restore_node.runtime import events
from restore_node.runtime.commands import BuildStarter, CommandRunner, say
from restore_node.runtime.events import Event, Instance
from restore_node.runtime.supervision import Phase, Supervision
from restore_node.runtime.threads import CLOCK, Clock, start_native


@dataclass(frozen=True)
class SupervisorState:
    """Where the supervisor stands.

    Attributes:
        phase: of the state machine.
        wanted: the model that is asked for, by name or path.
        error: why the last attempt or the last frame failed; empty when all is well.
        running: the name of the model that restores frames; empty when none does.
        backend: name of the backend that runs it; empty when none does.
        device: what really runs the graph.
        building: how far the engine is that frames wait for; empty when none is being built.
        degraded: why no better candidate runs it; empty when the best that this machine has does.
        restart: why only a new process will have the GPU again; empty while it is not lost.
    """

    phase: Phase = Phase.IDLE
    wanted: str = ''
    error: str = ''
    running: str = ''
    backend: str = ''
    device: str = ''
    building: str = ''
    degraded: str = ''
    restart: str = ''


@dataclass(frozen=True, eq=False)
class Handle:
    """The right to use a backend, alone, until it is given back.

    Attributes:
        instance: what is used; for the supervisor.
    """

    instance: Instance

    @property
    def backend(self) -> Backend:
        """The open backend."""
        return self.instance.backend


class Supervisor:
    """Opens, swaps, and after a failure reopens the backend. Serves any number of streams.

    Args:
        candidates: the fallback chain: ways of running the model, best first.
        retry_s: seconds between a failure and the next attempt.
        start_build: starts the build of an engine that is missing; without it such a backend has failed.
        patience_s: seconds after which an opening or a closing that does not come back is left behind.
        clock: the time.
        start_thread: runs a function under a name on a thread that may be left behind.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        retry_s: float,
        start_build: BuildStarter | None = None,
        *,
        patience_s: float = 60.0,
        clock: Clock = CLOCK,
        start_thread: Callable[[str, Callable[[], None]], object] = start_native,
    ) -> None:
        self._supervision = Supervision(candidates, retry_s, patience_s, can_build=start_build is not None)
        self._commands = CommandRunner(self._post, start_build, start_thread)
        self._clock = clock
        lock = threading.Lock()
        self._news = threading.Condition(lock)  # for the thread that decides
        self._changed = threading.Condition(lock)  # for everyone else
        self._events: deque[Event] = deque()
        self._waiting: deque[object] = deque()  # who wants the backend, in the order they came
        self._is_running = False

    def start(self, model: str, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Ask for the first model, and wait until it is open or has failed.

        Args:
            model: its name or path.
            is_stopping: asked now and then; once it says so, nobody waits any longer.

        Raises:
            RestoreError: no candidate could be opened. It is tried again all the same; `close` ends that.
        """
        self._is_running = True
        threading.Thread(target=self._run, name='supervisor', daemon=True).start()
        self.request(model)
        with self._changed:
            while self._events or self._supervision.phase is Phase.OPENING:
                if is_stopping():
                    return
                self._changed.wait(0.1)
            if self._supervision.error:
                raise self._supervision.error

    def request(self, model: str) -> None:
        """Ask for another model, or for the same one anew; the present one restores until it is ready."""
        self._post(events.Requested(model))

    @contextmanager
    def acquire(self, unless: Callable[[], bool] = lambda: False) -> Iterator[Handle | None]:
        """Hand out the working backend for one frame or batch, or None; streams get it in the order they ask.

        None too once `unless` holds, which is asked whenever the backend is given back or given up. A
        BackendError or ModelError raised inside has the backend mended; other errors are the caller's own.
        """
        handle = self._take(unless)
        fault: RestoreError | None = None
        try:
            yield handle
        except (BackendError, ModelError) as error:
            fault = error
            raise
        finally:
            if handle:
                self._give_back(handle, fault)

    def abandon(self, handle: Handle, reason: str) -> None:
        """Go on without a backend whose user does not come back; harmless where it just has.

        It is not closed, for that might never end either, until its user comes back.
        """
        with self._changed:
            if handle.instance.holder is handle and handle.instance.is_fit:
                handle.instance.is_fit = False
                self._add(events.Hung(handle.instance, reason))
                self._changed.notify_all()

    @property
    def state(self) -> SupervisorState:
        """Return where the supervisor stands now."""
        with self._changed:
            supervision = self._supervision
            request, error, serving = supervision.request, supervision.error, supervision.serving
            serving = serving if serving and serving.is_fit else None
            process = next((build.process for build in supervision.builds if not build.is_cancelled), None)
            phase, degraded, lost = supervision.phase, supervision.degraded, supervision.obstacles.lost
        return SupervisorState(
            phase=phase,
            wanted=request.model if request else '',
            error=str(error) if error else '',
            running=serving.model if serving else '',
            backend=serving.name if serving else '',
            device=serving.device if serving else '',
            building=process.progress() if process else '',
            degraded=degraded if serving else '',
            restart=lost,
        )

    def close(self, patience_s: float = 8.0) -> bool:
        """Close everything.

        Returns:
            Whether all of it ended within `patience_s` seconds. What did not is closed when it comes back.
        """
        self._post(events.Shutdown())
        end = self._clock.now() + patience_s
        with self._changed:
            while self._is_running and (left := end - self._clock.now()) > 0:
                self._clock.wait(self._changed, left)
            return not self._is_running

    def step(self) -> bool:
        """Deal with one event, or with what is due; False where there is neither."""
        with self._changed:
            now = self._clock.now()
            if now >= self._supervision.due():
                event: Event = events.TimePassed()
            elif self._events:
                event = self._events.popleft()
            else:
                return False
            commands = self._supervision.handle(event, now)
            self._changed.notify_all()
        for command in commands:
            self._commands.run(command)
        return True

    def _run(self) -> None:
        while True:
            try:
                if self.step():
                    continue
                with self._news:
                    if self._supervision.is_over and not self._events:
                        break
                    if not self._events:
                        left = self._supervision.due() - self._clock.now()
                        self._clock.wait(self._news, None if left == math.inf else max(0.0, left))
            except Exception:  # whatever it is, without this thread nothing would ever be restored again
                say(logging.ERROR, f'the supervisor goes on after {traceback.format_exc()}')
                time.sleep(0.1)
        with self._changed:
            self._is_running = False
            self._changed.notify_all()

    def _post(self, event: Event) -> None:
        with self._changed:
            self._add(event)

    def _add(self, event: Event) -> None:
        self._events.append(event)
        self._news.notify()

    # Lending.

    def _take(self, unless: Callable[[], bool]) -> Handle | None:
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                while (instance := self._supervision.serving) and instance.is_fit and not unless():
                    if instance.holder is None and self._waiting[0] is turn:
                        instance.holder = handle = Handle(instance)
                        return handle
                    self._changed.wait()
                return None
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()

    def _give_back(self, handle: Handle, fault: RestoreError | None) -> None:
        instance = handle.instance
        with self._changed:
            instance.holder = None
            if isinstance(fault, EngineMissingError):
                self._add(events.EngineMissing(instance, fault))
            elif fault:
                instance.is_fit = False
                self._add(events.Failed(instance, fault))
            if not instance.is_fit:
                self._add(events.Returned(instance))
            self._changed.notify_all()
