"""CommandRunner: carries out what the supervision decided; native calls run on threads of their own."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError, EngineMissingError, RestoreError
from restore_node.runtime import events
from restore_node.runtime.events import Build, Command, Event, Instance, Opening

LOG = logging.getLogger(__name__)


#: Starts the build of a missing engine; calls back, from a thread of its own, with its complaint at the end,
#: empty if it was built. Returns what says by `progress()` where it stands, and ends it by `cancel()`.
BuildStarter = Callable[[EngineMissingError, Callable[[str], None]], Any]


class CommandRunner:
    """Carries out commands; what came of them is posted as events, from any thread. Nothing here raises.

    `start_build` is as for the supervisor; `start_thread` runs a function under a name on a thread that may
    be left behind.
    """

    def __init__(
        self,
        post: Callable[[Event], None],
        start_build: BuildStarter | None,
        start_thread: Callable[[str, Callable[[], None]], object],
    ) -> None:
        self._post, self._start_build, self._start_thread = post, start_build, start_thread

    def run(self, command: Command) -> None:
        """Carry out one command, or have it carried out on another thread."""
        match command:
            case events.Say(level, line):
                say(level, line)
            case events.Open(opening):
                self._aside('open backend', partial(self._open, opening), partial(_open_failed, opening))
            case events.Close(instance):
                self._aside(
                    'close backend', partial(self._close, instance), lambda _: events.Closed(instance)
                )
            case events.StartBuild(build):
                self._start(build)
            case events.CancelBuild(build) if build.process:
                self._aside('cancel build', build.process.cancel, lambda _: events.TimePassed())

    def _aside(self, name: str, function: Callable[[], None], failed: Callable[[Exception], Event]) -> None:
        """Run a function on a thread of its own; it reports by itself, unless no thread is to be had."""
        try:
            self._start_thread(name, function)
        except Exception as error:
            say(logging.ERROR, f'no thread to {name}: {error}')
            self._post(failed(error))

    def _open(self, opening: Opening) -> None:
        backend = None
        try:
            backend = opening.candidate.open(opening.request.model)
            facts = backend.model.card.name, backend.name, backend.device
        except Exception as error:
            if backend is not None:
                _close(backend)
            self._post(_open_failed(opening, error))
        else:
            instance = Instance(opening.request, opening.candidate, backend, *facts)
            self._post(events.Opened(opening, instance))

    def _close(self, instance: Instance) -> None:
        _close(instance.backend)
        self._post(events.Closed(instance))

    def _start(self, build: Build) -> None:
        def end(complaint: str) -> None:
            self._post(events.BuildEnded(build, complaint))

        try:
            assert self._start_build
            build.process = self._start_build(build.missing, end)
        except Exception as error:
            end(f'the build could not be started: {error}')


def _open_failed(opening: Opening, error: Exception) -> Event:
    """Return the event, with a library's own exception as one of ours."""
    ours = error if isinstance(error, RestoreError) else BackendError(str(error) or type(error).__name__)
    return events.OpenFailed(opening, ours)


def _close(backend: Backend) -> None:
    try:
        backend.close()
    except Exception as error:
        say(logging.ERROR, f'{backend.name} could not be closed: {error}')


def say(level: int, line: str) -> None:
    """Log a line; whatever a log's handler raises costs no more than the line."""
    try:
        LOG.log(level, line)
    except Exception:
        traceback.print_exc(file=sys.stderr)
