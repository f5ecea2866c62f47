"""CameraStream: one camera's way through the node, from the subscription to the restored image.

The subscription's callback only moves the serialised message into the LatestSlot. One worker thread takes the
newest, decodes, restores, publishes. Every frame is settled in the ledger exactly once, whatever it meets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from restore_node.common.errors import EncodingError, EngineMissingError, RestoreError
from restore_node.messages import codec
from restore_node.messages.cdr import read_stamp_ns
from restore_node.messages.frame import Frame, Header
from restore_node.runtime.counters import Fate, FrameLedger, Reason, Ticket
from restore_node.runtime.mailbox import LatestSlot
from restore_node.runtime.restore import Gate, Pipeline
from restore_node.runtime.supervisor import BackendKeeper
from restore_node.runtime.watchdog import Watchdog

#: Name of the threads that restore.
WORKER = 'restore worker'


def is_any_worker_stuck() -> bool:
    """Whether a backend still holds a worker that was left behind; asked after every stream has stopped."""
    return any(thread.name == WORKER for thread in threading.enumerate())


class Settings(Protocol):
    """The parameters a stream reads anew for each frame, because they may change while it runs."""

    output_encoding: str
    max_age_ms: float
    gate_threshold: float
    bypass: bool
    on_failure: str


class Output(Protocol):
    """Where a stream's images go."""

    def is_watched(self) -> bool:
        """Whether anyone subscribes."""

    def publish(self, image: bytes | bytearray, header: Header, height: int, width: int) -> None:
        """Publish a serialised image, and the camera_info that belongs to it."""


class _Received(NamedTuple):
    ticket: Ticket
    message: bytes


@dataclass(frozen=True, eq=False)
class _Job:
    """A frame in the backend's hands."""

    received: _Received
    frame: Frame
    settings: Settings


@dataclass(frozen=True)
class StreamContext:
    """What a stream shares with its node.

    Attributes:
        ledger: the account of every frame.
        keeper: lends the backend.
        settings: returns the parameters as they are now.
        now_ns: the node's clock, which may be simulated.
        log: takes one line about something that went wrong with one frame.
        hang_timeout_s: how long the backend may take for one frame, seconds; 0 waits for ever.
    """

    ledger: FrameLedger
    keeper: BackendKeeper
    settings: Callable[[], Settings]
    now_ns: Callable[[], int]
    log: Callable[[str], None]
    hang_timeout_s: float


class CameraStream:
    """Restores the frames of one camera, newest first.

    Args:
        topic: resolved name of the input, for the ledger.
        compressed: messages are `sensor_msgs/CompressedImage` instead of `sensor_msgs/Image`.
        output: where images go.
        context: what it shares with the node.
    """

    def __init__(self, topic: str, compressed: bool, output: Output, context: StreamContext) -> None:
        self._topic, self._output, self._context = topic, output, context
        self._decode = codec.decode_compressed if compressed else codec.decode
        self._slot: LatestSlot[_Received] = LatestSlot()
        self._watchdog: Watchdog[_Job] = Watchdog(context.hang_timeout_s, self._take_over)
        self._worker = self._new_worker()
        self.last_malformed = ''

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()

    def stop(self) -> None:
        """Finish the frame at hand, drop the one that waits, and join the worker."""
        left = self._slot.close()
        if left:
            self._drop(left.ticket, Reason.INACTIVE)
        while self._worker.is_alive():  # one that hangs is replaced, and then the replacement is joined
            self._worker.join(0.05)
        self._watchdog.close()

    def receive(self, message: bytes) -> None:
        """Take a serialised message; the subscription's callback."""
        ticket = self._context.ledger.receive(self._topic, read_stamp_ns(message))
        if not self._output.is_watched():
            self._drop(ticket, Reason.UNWATCHED)
            return
        left_over = self._slot.put(_Received(ticket, message))
        if left_over is not None:
            self._drop(left_over.ticket, Reason.INACTIVE if left_over.ticket is ticket else Reason.SUPERSEDED)

    def _new_worker(self) -> threading.Thread:
        return threading.Thread(target=self._work, name=WORKER, daemon=True)

    def _work(self) -> None:
        while (received := self._slot.take()) is not None:
            try:
                if not self._handle(received):
                    return  # another worker has taken this one's place
            except EncodingError as error:
                self._drop(received.ticket, Reason.MALFORMED)
                self.last_malformed = str(error)
                self._context.log(f'{self._topic}: {error}')
            except Exception as error:  # a node never dies of a message
                self._drop(received.ticket, Reason.FAILURE)
                self._context.log(f'{self._topic}: frame dropped: {type(error).__name__}: {error}')

    def _handle(self, received: _Received) -> bool:
        """Give one frame its fate; False where the watchdog did so meanwhile."""
        settings = self._context.settings()
        if self._is_stale(received.ticket.stamp_ns, settings.max_age_ms):
            self._drop(received.ticket, Reason.STALE)
            return True
        job = _Job(received, self._decode(received.message), settings)
        self._watchdog.begin(job)
        try:
            outcome = self._restore(job.frame, settings)
        except Exception:
            if self._watchdog.end(job):
                raise
            return False
        if not self._watchdog.end(job):
            return False
        self._publish(job, *outcome)
        return True

    def _take_over(self, job: _Job) -> None:
        """The backend hangs: leave it and its thread, let the frame through, go on with a new worker."""
        reason = f'the backend did not answer within {self._context.hang_timeout_s:g} s'
        self._context.keeper.abandon(reason)
        self._context.log(f'{self._topic}: {reason}')
        self._worker = self._new_worker()
        self._worker.start()
        try:
            self._publish(job, None, Fate.PASSED_THROUGH, Reason.DEADLINE)
        except Exception as error:  # as above
            self._drop(job.received.ticket, Reason.FAILURE)
            self._context.log(f'{self._topic}: frame dropped: {type(error).__name__}: {error}')

    def _publish(self, job: _Job, image: bytes | bytearray | None, fate: Fate, reason: Reason) -> None:
        """Publish what the fate asks for, then settle the frame."""
        frame = job.frame
        if fate is Fate.PASSED_THROUGH:
            image = self._original(frame, job.received.message, job.settings.output_encoding)
        if image is not None:
            self._output.publish(image, frame.header, frame.height, frame.width)
        self._context.ledger.settle(job.received.ticket, fate, reason)

    def _restore(self, frame: Frame, settings: Settings) -> tuple[bytearray | None, Fate, Reason]:
        """The restored message, or None and the reason why there is none."""
        if settings.bypass:
            return None, Fate.PASSED_THROUGH, Reason.BYPASS
        try:
            with self._context.keeper.borrow() as backend:
                if backend is not None:
                    result = Pipeline(backend, Gate(settings.gate_threshold)).process(frame)
                    if result.clean:
                        return None, Fate.PASSED_THROUGH, Reason.GATE
                    return result.message(settings.output_encoding), Fate.RESTORED, Reason.RESTORED
        except EngineMissingError:
            pass  # it is being built, and diagnostics say how far
        except RestoreError as error:
            self._context.log(f'{self._topic}: {error}')
        fate = Fate.DROPPED if settings.on_failure == 'drop' else Fate.PASSED_THROUGH
        return None, fate, Reason.FAILURE

    def _original(self, frame: Frame, message: bytes, encoding: str) -> bytes | bytearray:
        """The frame as it came, in the encoding that restored ones have, so that a stream never mixes two."""
        wanted = encoding or codec.output_encoding(frame)
        if wanted == frame.encoding and self._decode is codec.decode:
            return message
        return codec.convert(frame, wanted)

    def _is_stale(self, stamp_ns: int | None, max_age_ms: float) -> bool:
        if not stamp_ns or max_age_ms <= 0:  # a zero stamp tells no age
            return False
        return (self._context.now_ns() - stamp_ns) / 1e6 > max_age_ms

    def _drop(self, ticket: Ticket, reason: Reason) -> None:
        self._context.ledger.settle(ticket, Fate.DROPPED, reason)
