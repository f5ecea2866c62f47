"""Supervision: the state machine behind the supervisor. It decides what to do, and does nothing itself.

Events go in, commands come out; time is an argument. It holds no thread, no lock and no native call, so that
every order of events can be tried in a test. docs/architecture.md draws its phases.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from enum import Enum

from restore_node.backends.base import Candidate
from restore_node.common.errors import BackendError, EngineMissingError, RestoreError
from restore_node.runtime import events
from restore_node.runtime.events import Build, Command, Event, Instance, Opening, Request
from restore_node.runtime.obstacles import Obstacles

#: The longest time between two attempts to come back to a better candidate, seconds.
MAX_IMPROVE_S = 600.0


class Phase(str, Enum):
    """Where the supervision stands; it follows from what serves, what is asked for, and what is due."""

    IDLE = 'idle'  # no model was asked for yet
    OPENING = 'opening'  # nothing serves; the candidates are being opened, best first
    WAITING = 'waiting'  # nothing serves; no candidate could be opened or one broke, and a retry is due
    SERVING = 'serving'  # the model that is asked for restores frames
    REPLACING = 'replacing'  # an earlier model restores frames while the one asked for is being opened
    RETAINING = 'retaining'  # an earlier model restores frames; the one asked for failed, and a retry is due
    CLOSED = 'closed'


class Supervision:
    """Which backend serves, which is opened, closed or built next.

    Args:
        candidates: the fallback chain: ways of running a model, best first.
        retry_s: seconds between a failure and the next attempt.
        patience_s: seconds after which an opening or a closing that does not come back no longer holds up
            anything else.
        can_build: whether a missing engine can be built; without it such an instance has failed.
    """

    def __init__(
        self, candidates: Sequence[Candidate], retry_s: float, patience_s: float, can_build: bool
    ) -> None:
        self._candidates, self.obstacles = candidates, Obstacles(candidates)
        self._retry_s, self._patience_s, self._can_build = retry_s, patience_s, can_build
        self.request: Request | None = None
        self.serving: Instance | None = None
        self.error: RestoreError | None = None
        self.degraded = ''
        self.builds: list[Build] = []
        self._opening: Opening | None = None
        self._late: set[Opening] = set()  # openings that nobody waits for any longer
        self._retry_at: float | None = None
        self._improve_at: float | None = None  # when better candidates than the serving one are tried again
        self._improve_s = retry_s
        self._is_improving = False
        self._lent: set[Instance] = set()  # not fit any more, and still in somebody's hands
        self._closing: dict[Instance, float] = {}  # until when each holds up the next opening
        self._is_closed = False
        self._now = 0.0
        self._commands: list[Command] = []

    @property
    def phase(self) -> Phase:
        """The phase that the machine is in."""
        if self._is_closed:
            return Phase.CLOSED
        if self.request is None:
            return Phase.IDLE
        if self.serving is not None and self.serving.request is self.request:
            return Phase.SERVING
        if self.serving is None:
            return Phase.OPENING if self._retry_at is None else Phase.WAITING
        return Phase.REPLACING if self._retry_at is None else Phase.RETAINING

    @property
    def is_over(self) -> bool:
        """Whether everything is closed, and nothing is outstanding."""
        outstanding = (self._opening, self._late, self._lent, self._closing, self.builds)
        return self._is_closed and not any(outstanding)

    def due(self) -> float:
        """When time alone changes something; infinity if it never does."""
        moments = [until for until in self._closing.values() if until > self._now]
        moments += [self._opening.due] if self._opening else []
        moments += [at for at in (self._retry_at, self._improve_at) if at is not None]
        return min(moments, default=math.inf)

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event at the time `now`, seconds; returns what is to be done, in this order."""
        self._now, self._commands = now, []
        self._take(event)
        self._expire()
        self._cancel_builds()
        if self.phase in (Phase.OPENING, Phase.REPLACING) or self._is_improving:
            self._open_next()
        return self._commands

    def _take(self, event: Event) -> None:
        match event:
            case events.Requested(model):
                if not self._is_closed:
                    self.request, self.error = Request(model), None
                    self._improve_s = self._retry_s
                    self._start_afresh()
            case events.Opened(opening, instance):
                self._end_opening(opening)
                if self._is_wanted(instance):
                    self._install(instance)
                else:
                    self._retire(instance)
            case events.OpenFailed(opening, error):
                self._end_opening(opening)
                self.obstacles.note_loss(error)
                self._note_fault(opening, error)
            case events.Failed(instance, error):
                self.obstacles.note_loss(error)
                self._lose(instance, error)
            case events.Hung(instance, reason):
                if instance.candidate.on_gpu:
                    instance.request.given_up[instance.candidate.name] = reason
                self._lose(instance, BackendError(reason))
            case events.Returned(instance):
                self._retire(instance)
            case events.Closed(instance):
                self._closing.pop(instance, None)
            case events.EngineMissing(instance, error):
                self._build(instance, error)
            case events.BuildEnded(build, complaint):
                self._end_build(build, complaint)
            case events.Shutdown():
                self._shut_down()
            case events.TimePassed():
                pass

    # Opening.

    def _open_next(self) -> None:
        """Open the best candidate that has not failed; one at a time, and not beside a closing."""
        assert self.request
        if self._opening or any(until > self._now for until in self._closing.values()):
            return
        candidates, faults = self._candidates, self.obstacles.faults
        if self._is_improving and self.serving:
            candidates = self.obstacles.better_than(self.serving.candidate)
        for late in self._late:
            if late.request is self.request:
                faults.setdefault(late.candidate.name, self._overdue())
        for candidate in candidates:
            if not self.obstacles.against(candidate, self.request):
                self._opening = Opening(self.request, candidate, self._now + self._patience_s)
                self._commands.append(events.Open(self._opening))
                return
        if self._is_improving:
            self._judge()
            return
        self.error = self.obstacles.summary(self.request)
        self._start_afresh()
        self._retry_at = self._now + self._retry_s
        self._say(logging.ERROR, f'{self.error} (next attempt in {self._retry_s:g} s)')

    def _end_opening(self, opening: Opening) -> None:
        self._late.discard(opening)
        if self._opening is opening:
            self._opening = None

    def _note_fault(self, opening: Opening, fault: RestoreError) -> None:
        if opening.request is self.request:
            self.obstacles.faults[opening.candidate.name] = fault

    def _is_wanted(self, instance: Instance) -> bool:
        """Tell whether an instance that has just been opened, maybe late, is better than what there is."""
        if self._is_closed or instance.request is not self.request:
            return False
        candidate = instance.candidate
        if candidate.name in instance.request.given_up or (self.obstacles.lost and candidate.on_gpu):
            return False
        if self.serving is None or self.serving.request is not self.request:
            return True
        return candidate in self.obstacles.better_than(self.serving.candidate)

    def _install(self, instance: Instance) -> None:
        old, self.serving = self.serving, instance
        if old:
            self._retire(old)
        self.error = None
        self._say(logging.INFO, f'model {instance.model} runs on {instance.name} ({instance.device})')
        self._judge()

    def _judge(self) -> None:
        """Say what stands against better candidates than the one that serves, and when to try them again."""
        assert self.serving
        before, request = self.degraded, self.serving.request
        better = self.obstacles.better_than(self.serving.candidate)
        self.degraded = '; '.join(self.obstacles.complaints(better, request))
        if self.degraded and self.degraded != before:
            self._say(logging.WARNING, self.degraded)
        may_pass = self.obstacles.may_pass(better, request)
        self._start_afresh()
        if may_pass:
            # Ever more seldom, for each attempt costs something, and most causes stay.
            self._improve_at = self._now + self._improve_s
            self._improve_s = min(2 * self._improve_s, MAX_IMPROVE_S)

    def _start_afresh(self) -> None:
        """Forget what the last attempt met, and what was planned after it."""
        self.obstacles.faults.clear()
        self._retry_at, self._improve_at, self._is_improving = None, None, False

    # Losing and closing.

    def _lose(self, instance: Instance, error: RestoreError) -> None:
        """An instance is of no use any more; where it serves, another is to be opened."""
        if self.serving is instance:
            self.serving, self.error = None, error
            if instance.request is self.request:
                # Another candidate is opened at once, the same one after a while.
                self._start_afresh()
                if not self.obstacles.against(instance.candidate, instance.request):
                    self._retry_at = self._now + self._retry_s
        self._retire(instance)

    def _retire(self, instance: Instance) -> None:
        """Close an instance now or, where it is in somebody's hands, once it comes back."""
        instance.is_fit = False
        if instance.holder is not None:
            self._lent.add(instance)
            return
        self._lent.discard(instance)
        if not instance.is_closing:
            instance.is_closing = True
            self._closing[instance] = self._now + self._patience_s
            self._commands.append(events.Close(instance))

    def _shut_down(self) -> None:
        self._is_closed = True
        instance, self.serving = self.serving, None
        self._start_afresh()
        if instance:
            self._retire(instance)

    def _expire(self) -> None:
        """Go on without an opening that does not come back."""
        if self._opening and self._now >= self._opening.due:
            self._note_fault(self._opening, self._overdue())
            self._late.add(self._opening)
            self._opening = None
        if self._retry_at is not None and self._now >= self._retry_at:
            self._start_afresh()
        if self._improve_at is not None and self._now >= self._improve_at:
            self._start_afresh()
            self._is_improving = True

    def _overdue(self) -> RestoreError:
        return BackendError(f'the model could not be opened within {self._patience_s:g} s')

    # Building.

    def _build(self, instance: Instance, error: EngineMissingError) -> None:
        """Have an engine built, one at a time for a model; its instance finds it by itself."""
        if not self._can_build:
            self._lose(instance, error)
            return
        is_wanted = instance is self.serving and instance.request is self.request
        if not is_wanted or any(build.request is instance.request for build in self.builds):
            return
        build = Build(instance.request, instance.candidate, error)
        self.builds.append(build)
        self._commands.append(events.StartBuild(build))
        self._say(logging.INFO, f'{error}: building it, frames pass through')

    def _end_build(self, build: Build, complaint: str) -> None:
        if build not in self.builds:
            return
        self.builds.remove(build)
        if not complaint or build.is_cancelled:
            return
        name = build.candidate.name
        build.request.given_up[name] = complaint
        serving = self.serving
        if serving and serving.request is build.request and serving.candidate is build.candidate:
            self._lose(serving, BackendError(f'{name} cannot be used', seen=complaint))

    def _cancel_builds(self) -> None:
        """Cancel what is built for a model that neither serves nor is asked for."""
        wanted = [] if self._is_closed else [self.request, self.serving and self.serving.request]
        for build in self.builds:
            if build.request not in wanted and not build.is_cancelled:
                build.is_cancelled = True
                self._commands.append(events.CancelBuild(build))

    def _say(self, level: int, line: str) -> None:
        self._commands.append(events.Say(level, line))
