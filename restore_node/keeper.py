"""BackendKeeper: sees to it that a working backend is at hand, and says so when none is.

Loading, warming up and reopening happen on the keeper's own thread; frames pass through meanwhile. A new
model takes the place of the old one between two frames.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from restore_node.backends.base import Backend
from restore_node.errors import RestoreError


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
    """

    wanted: str = ''
    loading: bool = False
    error: str = ''
    running: str = ''
    backend: str = ''
    device: str = ''


class BackendKeeper:
    """Opens, swaps, and after a failure reopens the backend.

    Args:
        open_backend: loads a model by name or path and returns an open, warm backend; raises RestoreError.
        retry_s: seconds between attempts after a failure.
        log: called with one line at each change, with True where it is bad news.
    """

    def __init__(
        self, open_backend: Callable[[str], Backend], retry_s: float, log: Callable[[str, bool], None]
    ):
        self._open_backend, self._retry_s, self._log = open_backend, retry_s, log
        self._use = (
            threading.Lock()
        )  # held while a frame is being restored and while the backend is exchanged
        self._changed = threading.Condition()
        self._backend: Backend | None = None
        self._wanted, self._error = '', ''
        self._pending = self._loading = self._closed = False
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
            self._changed.notify()

    @contextmanager
    def borrow(self) -> Iterator[Backend | None]:
        """The working backend for one frame, or None. A RestoreError raised inside has it reopened."""
        with self._use:
            backend = self._backend
            try:
                yield backend
            except RestoreError as error:
                self._give_up(backend, error)
                raise

    @property
    def state(self) -> KeeperState:
        """Where it stands now."""
        with self._changed:
            backend = self._backend
            return KeeperState(
                wanted=self._wanted,
                loading=self._loading,
                error=self._error,
                running=backend.model.card.name if backend else '',
                backend=backend.name if backend else '',
                device=backend.device if backend else '',
            )

    def close(self) -> None:
        """Stop the thread and close the backend; waits for a model that is being loaded."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()
        with self._use:
            backend, self._backend = self._backend, None
        if backend:
            backend.close()

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
            except Exception as error:  # without this thread nothing would ever restore again
                self._log(f'{error} (next attempt in {self._retry_s:g} s)', True)

    def _attempt(self, model: str) -> None:
        with self._changed:
            self._loading = True
        try:
            backend = self._open_backend(model)
        except Exception as error:
            with self._changed:
                self._loading, self._error = False, str(error) or type(error).__name__
            raise
        with self._use, self._changed:
            old, self._backend = self._backend, backend
            self._loading, self._error = False, ''
        if old:
            old.close()
        self._log(f'model {backend.model.card.name} runs on {backend.name} ({backend.device})', False)

    def _give_up(self, backend: Backend | None, error: RestoreError) -> None:
        """Close a backend that failed and have it opened again; called with `_use` held."""
        with self._changed:
            self._backend, self._error = None, str(error)
            self._changed.notify()
        if backend:
            backend.close()
