"""Batches: frames that wait for the backend at the same time go through it together.

The workers of all cameras come here, each with one frame, and wait for their turn. Whose turn it is takes the
others' frames of the same size along, and they come back when that batch does. Turns go round in the order in
which the frames came, and of each camera one frame waits at most: whatever their rates, none starves another.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError, ModelError
from restore_node.messages import codec
from restore_node.messages.frame import Frame
from restore_node.runtime.counters import Reason
from restore_node.runtime.job import Job
from restore_node.runtime.restore import Restored, restore_batch
from restore_node.runtime.supervisor import Handle, Supervisor


@dataclass(eq=False)
class _Request:
    """A frame that wants to be restored, and what came of it.

    Nothing of it outlives `Batches.restore`: a batch that comes back after its frames were given up writes to
    requests that nobody looks at any more, and into memory that nobody else has. Frames of one batch have
    their `kind` in common: height, width, and threshold of the gate.
    """

    job: Job
    frame: Frame
    memory: bytearray | None
    kind: tuple[int, int, float]
    batch: Handle | None = None
    reason: Reason | None = None
    error: Exception | None = None
    measured: dict[str, float] = field(default_factory=dict)

    def has_come_back(self) -> bool:
        """Tell whether the backend is done with it."""
        return self.reason is not None or self.error is not None

    def is_over(self) -> bool:
        """Tell whether there is nothing to wait for: it came back, or its frame has left as it came."""
        return self.has_come_back() or self.job.is_settled


class Batches:
    """Restores the frames of any number of cameras, by the backend that the supervisor lends.

    Attributes:
        sizes: how many batches there were of each number of frames.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []
        self.sizes: Counter[int] = Counter()

    def restore(self, job: Job) -> Reason:
        """Restore a decoded frame, alone or with others; waits for its turn.

        Args:
            job: its `handle` is set once the backend has it; its `memory` takes the message.

        Returns:
            `RESTORED`: the message is in `job.memory`. `GATE`: the frame is clean. `FAILURE`: no backend
            works. `DEADLINE`: the frame has left meanwhile, or the backend that has it hangs.

        Raises:
            BackendError, ModelError: the backend failed with the batch.
            Exception: whatever this frame alone made a library raise.
        """
        frame = job.frame
        assert frame
        kind = frame.height, frame.width, job.settings.gate_threshold
        request, job.memory = _Request(job, frame, job.memory, kind), None
        with self._lock:
            self._waiting.append(request)
        try:
            with self._supervisor.acquire(unless=request.is_over) as handle:
                # One that was in a batch already is here because that batch was given up.
                if handle and not request.batch and (batch := self._gather(request.kind, handle)):
                    self._run(handle, batch)
        finally:
            with self._lock:
                if request in self._waiting:
                    self._waiting.remove(request)
                if not request.batch or request.has_come_back():  # else its batch may still write to it
                    job.memory = request.memory
        if request.error:
            raise request.error
        job.pending.measured.update(request.measured)
        return request.reason or (Reason.DEADLINE if request.batch or job.is_settled else Reason.FAILURE)

    def abandon(self, job: Job, reason: str) -> None:
        """Go on without the backend where it has this frame and does not come back."""
        if job.handle:
            self._supervisor.abandon(job.handle, reason)

    def _gather(self, kind: tuple[int, int, float], handle: Handle) -> list[_Request]:
        """Take what waits of a kind, in the order in which it came."""
        with self._lock:
            batch = [one for one in self._waiting if one.kind == kind and not one.is_over()]
            self._waiting = [one for one in self._waiting if one not in batch]
            for request in batch:
                request.batch = request.job.handle = handle
        return batch

    def _run(self, handle: Handle, batch: Sequence[_Request]) -> None:
        """Restore a batch; raises what the backend raises, once each of its frames has it."""
        try:
            self._restore(handle.backend, batch)
        except (BackendError, ModelError) as error:
            for request in batch:
                request.error = None if request.reason else error
            raise

    def _restore(self, backend: Backend, batch: Sequence[_Request]) -> None:
        frames = [request.frame for request in batch]
        try:
            restored = restore_batch(backend, frames, gate_threshold=batch[0].kind[-1])
        except (BackendError, ModelError):
            raise
        except Exception as error:  # one of the frames is to blame: which, shows when each goes alone
            if len(batch) == 1:
                batch[0].error = error
                return
            for request in batch:
                self._restore(backend, [request])
            return
        self.sizes[len(batch)] += 1
        for request, one in zip(batch, restored, strict=True):
            _finish(request, one, len(batch))


def _finish(request: _Request, restored: Restored, batch: int) -> None:
    """Make the message, while the pixels are still there."""
    request.measured = restored.figures | {'batch': batch}
    if restored.is_clean:
        request.reason = Reason.GATE
        return
    try:
        encoding = request.job.settings.output_encoding
        request.memory = codec.encode(restored.rgb, request.frame, encoding, into=request.memory)
        request.reason = Reason.RESTORED
    except Exception as error:  # it costs this frame alone
        request.error = error
