"""BackendKeeper: sees to it that a working backend is at hand, and says so when none is.

Backends stand on a ladder: the fastest first, the one that always works last. The keeper opens the highest
rung that holds, on its own thread, while frames pass through; a new model takes the place of the old one
between two frames. A rung that breaks is opened again, or left for the one below where it cannot be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from restore_node.backends.base import Backend
from restore_node.backends.fallback import Rung
from restore_node.common.errors import (
    BackendError,
    EngineError,
    EngineMissingError,
    RestoreError,
    UnavailableError,
)


class Build(Protocol):
    """An engine's build under way."""

    def progress(self) -> str:
        """Where it stands, such as `42 %`."""

    def cancel(self) -> None:
        """End it; harmless when it has ended."""


#: Starts the build of a missing engine; calls back, from a thread of its own, with its complaint at the end,
#: empty if it was built.
StartBuild = Callable[[EngineMissingError, Callable[[str], None]], Build]


@dataclass(frozen=True)
class KeeperState:
    """Where the keeper stands.

    Attributes:
        wanted: the model that is asked for, by name or path.
        loading: it is being opened now.
        error: why the last attempt or the last frame failed; empty when all is well.
        running: the name of the model that restores frames; empty when none does.
        backend: name of the backend that runs it; empty when none does.
        device: what really runs the graph.
        building: how far the engine is that frames wait for; empty when none is being built.
        degraded: why no higher rung runs it; empty when the highest that this machine has does.
        restart: why only a new process will have the GPU again; empty while it is not lost.
    """

    wanted: str = ''
    loading: bool = False
    error: str = ''
    running: str = ''
    backend: str = ''
    device: str = ''
    building: str = ''
    degraded: str = ''
    restart: str = ''


class _Lease:
    """A backend, and the lock that whoever uses or closes it holds."""

    def __init__(self, backend: Backend, rung: Rung) -> None:
        self.backend, self.rung = backend, rung
        self.lock = threading.Lock()
        self.is_over = False

    def end(self) -> None:
        """Close the backend once no frame uses it."""
        with self.lock:
            self.is_over = True
            self.backend.close()


class BackendKeeper:
    """Opens, swaps, and after a failure reopens the backend.

    Args:
        ladder: ways of running the model, best first.
        retry_s: seconds between attempts after a failure.
        log: called with one line at each change, with True where it is bad news.
        start_build: starts the build of an engine that is missing; without it such a backend has failed.
    """

    def __init__(
        self,
        ladder: Sequence[Rung],
        retry_s: float,
        log: Callable[[str, bool], None],
        start_build: StartBuild | None = None,
    ) -> None:
        self._ladder, self._retry_s, self._log, self._start_build = ladder, retry_s, log, start_build
        self._changed = threading.Condition()
        self._lease: _Lease | None = None
        self._wanted = self._error = self._degraded = self._restart = ''
        self._pending = self._loading = self._closed = False
        self._broken: dict[str, str] = {}  # rungs that are not tried again for this model, and why
        self._build: Build | None = None
        self._thread: threading.Thread | None = None

    def start(self, model: str) -> None:
        """Open the first backend now, in the caller's thread, then keep it from a thread of its own.

        Raises:
            RestoreError: it cannot be opened. The keeper runs all the same and tries again; `close` ends it.
        """
        with self._changed:
            self._wanted = model
        self._thread = threading.Thread(target=self._keep, name='backend-keeper', daemon=True)
        try:
            self._attempt(model)
        finally:
            self._thread.start()

    def request(self, model: str) -> None:
        """Ask for another model; the present one restores until the new one is ready."""
        with self._changed:
            self._wanted, self._pending = model, True
            self._broken.clear()
            self._changed.notify()

    @contextmanager
    def borrow(self) -> Iterator[Backend | None]:
        """The working backend for one frame, or None. A RestoreError raised inside has it mended."""
        while lease := self._lease:
            with lease.lock:
                if lease.is_over:  # swapped or given up while this frame waited: it has a successor, or none
                    continue
                try:
                    yield lease.backend
                except EngineMissingError as error:
                    self._await_engine(lease, error)
                    raise
                except RestoreError as error:
                    self._give_up(lease, error)
                    raise
                return
        yield None

    def abandon(self, reason: str) -> None:
        """Leave a backend that hangs to its fate: it is not closed, for it may never answer, but replaced."""
        with self._changed:
            lease, self._lease, self._error = self._lease, None, reason
            if lease and lease.rung.on_gpu:
                self._broken[lease.rung.name] = reason
            self._changed.notify()

    @property
    def state(self) -> KeeperState:
        """Where it stands now."""
        with self._changed:
            backend = self._lease.backend if self._lease else None
            return KeeperState(
                wanted=self._wanted,
                loading=self._loading,
                error=self._error,
                running=backend.model.card.name if backend else '',
                backend=backend.name if backend else '',
                device=backend.device if backend else '',
                building=self._build.progress() if self._build else '',
                degraded=self._degraded,
                restart=self._restart,
            )

    def close(self) -> None:
        """Stop the thread, cancel a build, close the backend; waits for a model that is being loaded."""
        with self._changed:
            self._closed = True
            build, self._build = self._build, None
            self._changed.notify()
        if build:
            build.cancel()
        if self._thread:
            self._thread.join()
        with self._changed:
            lease, self._lease = self._lease, None
        if lease:
            lease.end()

    def _keep(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closed or self._error)
                if self._error:  # wait before the next attempt, unless another model is asked for
                    self._changed.wait_for(lambda: self._pending or self._closed, self._retry_s)
                if self._closed:
                    return
                model, self._pending = self._wanted, False
            try:
                self._attempt(model)
            except Exception as error:  # whatever it was, without this thread nothing would be restored again
                self._log(f'{error} (next attempt in {self._retry_s:g} s)', True)

    def _attempt(self, model: str) -> None:
        with self._changed:
            self._loading = True
        try:
            lease, degraded = self._climb(model)
        except Exception as error:
            with self._changed:
                self._loading, self._error = False, str(error) or type(error).__name__
            raise
        with self._changed:
            old, self._lease = self._lease, lease
            self._loading, self._error, self._degraded = False, '', degraded
        if old:
            old.end()
        backend = lease.backend
        self._log(f'model {backend.model.card.name} runs on {backend.name} ({backend.device})', False)
        if degraded:
            self._log(degraded, True)

    def _climb(self, model: str) -> tuple[_Lease, str]:
        """The highest rung that holds, and what went wrong above it; what a machine does not have is not."""
        absent: list[RestoreError] = []
        faults: dict[str, RestoreError] = {}  # by their text: a model that is none fails on every rung alike
        complaints = []
        for rung in self._ladder:
            if rung.name in self._broken:
                complaints.append(f'{rung.name}: {self._broken[rung.name]}')
                continue
            try:
                return _Lease(rung.open(model), rung), '; '.join(complaints)
            except UnavailableError as error:
                absent.append(error)
            except RestoreError as error:
                self._note_loss(error)
                faults[str(error)] = error
                complaints.append(f'{rung.name}: {error}')
        if len(faults) == 1 and not self._broken:
            raise next(iter(faults.values()))
        if len(absent) == 1 and not complaints:
            raise absent[0]
        lines = [*complaints, *(str(error) for error in absent)]
        raise BackendError('no backend can run the model', seen='; '.join(lines))

    def _give_up(self, lease: _Lease, error: RestoreError) -> None:
        """Close a backend that failed and have the model opened again; called with its lock held."""
        with self._changed:
            self._note_loss(error)
            if self._lease is lease:
                self._lease, self._error = None, str(error)
            self._changed.notify()
        if not lease.is_over:
            lease.is_over = True
            lease.backend.close()

    def _note_loss(self, error: RestoreError) -> None:
        if isinstance(error, EngineError) and error.sticky:
            self._restart = str(error)
            self._broken.update({rung.name: 'the GPU is lost' for rung in self._ladder if rung.on_gpu})

    def _await_engine(self, lease: _Lease, error: EngineMissingError) -> None:
        """Have an engine built, once; its backend finds it by itself. Called with the lease's lock held."""
        if self._start_build is None:
            self._give_up(lease, error)
            return
        with self._changed:
            if self._build or self._closed:
                return
            self._log(f'{error}: building it, frames pass through', False)
            self._build = self._start_build(error, lambda complaint: self._build_ended(lease, complaint))

    def _build_ended(self, lease: _Lease, complaint: str) -> None:
        with self._changed:
            self._build = None
            if not complaint or self._closed:
                return
            self._broken[lease.rung.name] = complaint
        with lease.lock:
            self._give_up(lease, BackendError(f'{lease.rung.name} cannot be used', seen=complaint))
