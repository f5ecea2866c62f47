"""CameraStream: one camera's way through the node, from the subscription to the restored image.

The subscription's callback only moves the serialised message into the mailbox. One worker thread takes the
newest, decodes, restores, publishes. Every frame gets its outcome exactly once, whatever it meets,
and frames leave in the order in which they came.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from restore_node.common.errors import EncodingError, EngineMissingError, UnreadableEncodingError
from restore_node.messages import codec
from restore_node.messages.cdr import read_image, read_stamp_ns
from restore_node.messages.frame import Frame, Header
from restore_node.runtime.counters import FrameCounters, Outcome, PendingFrame, Reason
from restore_node.runtime.mailbox import Mailbox
from restore_node.runtime.restore import restore_frame
from restore_node.runtime.supervisor import Handle, Supervisor
from restore_node.runtime.threads import CLOCK, Clock, start_native
from restore_node.runtime.watchdog import Watchdog

LOG = logging.getLogger(__name__)

#: Seconds between two log lines about frames that went wrong.
QUIET_S = 5.0


class Settings(Protocol):
    """The parameters that a stream reads anew for each frame, because they may change while it runs."""

    output_encoding: str
    max_age: float
    gate_threshold: float
    bypass: bool
    on_failure: str


class Output(Protocol):
    """Where a stream's images go."""

    def is_watched(self) -> bool:
        """Whether anyone subscribes."""

    def publish(self, image: bytes | bytearray, header: Header, height: int, width: int) -> None:
        """Publish a serialised image, and the camera_info that belongs to it."""


@dataclass(eq=False)
class _Job:
    """A frame on its way.

    `memory` is its worker's, for the message out; `frame` is known once it is decoded, and whether its pixels
    are the message's own; `handle` once the backend has it.
    """

    pending: PendingFrame
    message: bytes
    settings: Settings
    memory: bytearray | None = None
    frame: Frame | None = None
    is_message: bool = True
    handle: Handle | None = None


class CameraStream:
    """Restores the frames of one camera, newest first.

    Args:
        topic: resolved name of the input, for the counters.
        compressed: messages are `sensor_msgs/CompressedImage` instead of `sensor_msgs/Image`.
        output: where images go.
        supervisor: lends the backend.
        counters: they get the outcome of every frame.
        settings: returns the parameters as they are now; a frame is treated by those of its arrival.
        now_ns: the node's clock, which may be simulated.
        hang_timeout_s: how long the backend may take for one frame, seconds; 0 waits for ever.
        clock: the time that `hang_timeout_s` runs by.
        read_otherwise: tried for raw images in an encoding that `codec` does not read; None where it cannot.

    Attributes:
        last_malformed: the last complaint about a malformed message; empty where there was none.
        last_complaint: the last about any frame.
        age_s: the newest frame's age when it came, by the node's clock, seconds; None where that is unknown.
    """

    def __init__(
        self,
        topic: str,
        compressed: bool,
        output: Output,
        supervisor: Supervisor,
        counters: FrameCounters,
        settings: Callable[[], Settings],
        now_ns: Callable[[], int],
        hang_timeout_s: float,
        clock: Clock = CLOCK,
        read_otherwise: Callable[[bytes], Frame | None] = lambda _: None,
    ) -> None:
        self._topic, self._output, self._supervisor, self._counters = topic, output, supervisor, counters
        self._settings, self._now_ns, self._clock = settings, now_ns, clock
        self._hang_timeout_s = hang_timeout_s
        self._is_compressed, self._read_otherwise = compressed, read_otherwise
        self._mailbox: Mailbox[_Job] = Mailbox()
        self._watchdog: Watchdog[_Job] = Watchdog(hang_timeout_s, self._take_over, clock)
        self._worker: threading.Thread | None = None
        self._quiet_until = 0.0
        self.last_malformed = self.last_complaint = ''
        self.age_s: float | None = None

    def start(self) -> None:
        """Start the worker."""
        self._worker = start_native('restore worker', self._work)

    def stop(self, patience_s: float = 5.0) -> None:
        """Drop the frame that waits, finish the one at hand, and end the worker.

        A frame that takes longer than `patience_s` seconds is published as it came, its worker left behind.
        """
        left = self._mailbox.close()
        if left:
            self._drop(left, Reason.INACTIVE)
        self._watchdog.hurry(patience_s)
        # A worker that hangs is replaced; then the replacement is waited for.
        while (worker := self._worker) and worker.is_alive():
            worker.join(0.05)
        self._watchdog.close(patience_s)

    def receive(self, message: bytes) -> None:
        """Take a serialised message; the subscription's callback."""
        stamp_ns = read_stamp_ns(message)
        self.age_s = (self._now_ns() - stamp_ns) / 1e9 if stamp_ns else None
        pending = self._counters.receive(self._topic, stamp_ns)
        job = _Job(pending, message, self._settings())
        if not self._output.is_watched():
            self._drop(job, Reason.UNWATCHED)
            return
        left_over = self._mailbox.put(job)
        if left_over is not None:
            self._drop(left_over, Reason.INACTIVE if left_over is job else Reason.SUPERSEDED)

    def _work(self) -> None:
        memory: bytearray | None = None  # each worker has its own: one that was left behind may still write
        while (job := self._mailbox.take()) is not None:
            job.memory = memory
            try:
                if not self._handle(job):
                    return  # another worker has taken this one's place
            except Exception as error:  # a node never dies of a message
                self._fail(job, error)
            memory = job.memory

    def _handle(self, job: _Job) -> bool:
        """Give one frame its outcome; False where the watchdog did so meanwhile."""
        if self._is_stale(job):
            self._drop(job, Reason.STALE)
            return True
        try:
            job.frame = self._read(job)
        except UnreadableEncodingError as error:
            self._complain(str(error))
            self._forward(job)
            return True
        self._watchdog.begin(job)
        try:
            result = self._restore(job, job.frame)
        except Exception:
            if self._watchdog.end(job):
                raise
            return False
        if not self._watchdog.end(job):
            return False
        self._publish(job, job.frame, *result)
        return True

    def _read(self, job: _Job) -> Frame:
        if self._is_compressed:
            job.is_message = False
            return codec.decode_compressed(job.message)
        try:
            return codec.decode(job.message)
        except UnreadableEncodingError:
            frame = self._read_otherwise(job.message)
            if frame is None:
                raise
            job.is_message = False
            return frame

    def _forward(self, job: _Job) -> None:
        """Publish an image that nobody here can read, byte for byte: the detector may be able to."""
        # A compressed one is a message of another type than that of the topic.
        if self._is_compressed or job.settings.on_failure == 'drop':
            self._drop(job, Reason.ENCODING)
            return
        image = read_image(job.message)
        self._output.publish(job.message, image.header, image.height, image.width)
        self._counters.finish(job.pending, Outcome.PASSED_THROUGH, Reason.ENCODING)

    def _take_over(self, job: _Job) -> None:
        """The backend hangs: leave it and its thread, let the frame through, go on with a new worker."""
        reason = f'the backend did not answer within {self._hang_timeout_s:g} s'
        if handle := job.handle:
            self._supervisor.abandon(handle, reason)
        self._complain(reason)
        job.memory = None  # the one that hangs may still write to it
        try:
            assert job.frame
            self._publish(job, job.frame, None, Outcome.PASSED_THROUGH, Reason.DEADLINE)
        except Exception as error:
            self._fail(job, error)
        finally:
            # Not before this frame is out: frames leave in the order they came in.
            self._worker = start_native('restore worker', self._work)

    def _publish(
        self, job: _Job, frame: Frame, image: bytes | bytearray | None, outcome: Outcome, reason: Reason
    ) -> None:
        """Publish what the outcome asks for, then count the frame."""
        if outcome is Outcome.PASSED_THROUGH:
            image = self._original(frame, job)
        if image is not None:
            self._output.publish(image, frame.header, frame.height, frame.width)
        self._counters.finish(job.pending, outcome, reason)

    def _restore(self, job: _Job, frame: Frame) -> tuple[bytearray | None, Outcome, Reason]:
        """The restored message, or None and the reason why there is none."""
        settings = job.settings
        if settings.bypass:
            return None, Outcome.PASSED_THROUGH, Reason.BYPASS
        try:
            with self._supervisor.acquire() as job.handle:
                if job.handle:
                    restored = restore_frame(job.handle.backend, frame, settings.gate_threshold)
                    if restored.is_clean:
                        return None, Outcome.PASSED_THROUGH, Reason.GATE
                    job.memory = codec.encode(restored.rgb, frame, settings.output_encoding, into=job.memory)
                    return job.memory, Outcome.RESTORED, Reason.RESTORED
        except EngineMissingError:
            pass  # it is being built, and diagnostics say how far
        except Exception as error:  # whatever it is, the detector sees the original
            self._complain(f'{type(error).__name__}: {error}')
        outcome = Outcome.DROPPED if settings.on_failure == 'drop' else Outcome.PASSED_THROUGH
        return None, outcome, Reason.FAILURE

    def _original(self, frame: Frame, job: _Job) -> bytes | bytearray:
        """The frame as it came, in the encoding that restored ones have, so that a stream never mixes two."""
        wanted = job.settings.output_encoding or codec.output_encoding(frame)
        if wanted == frame.encoding and job.is_message:
            return job.message
        job.memory = codec.convert(frame, wanted, into=job.memory)
        return job.memory

    def _is_stale(self, job: _Job) -> bool:
        stamp_ns, max_age = job.pending.stamp_ns, job.settings.max_age
        if not stamp_ns or max_age <= 0:  # a zero stamp tells no age
            return False
        return (self._now_ns() - stamp_ns) / 1e9 > max_age

    def _fail(self, job: _Job, error: Exception) -> None:
        """Drop a frame that met an error, and never raise another one over it."""
        try:
            if isinstance(error, EncodingError):
                self.last_malformed = str(error)
                self._complain(str(error))
                self._drop(job, Reason.MALFORMED)
            else:
                self._complain(f'frame dropped: {type(error).__name__}: {error}')
                self._drop(job, Reason.FAILURE)
        except Exception:
            LOG.exception('%s: a frame could not be counted', self._topic)

    def _drop(self, job: _Job, reason: Reason) -> None:
        self._counters.finish(job.pending, Outcome.DROPPED, reason)

    def _complain(self, line: str) -> None:
        """Log that something went wrong with a frame, now and then."""
        self.last_complaint = line
        now = self._clock.now()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            LOG.error('%s: %s', self._topic, line)
