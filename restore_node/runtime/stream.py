"""CameraStream: one camera's way through the node, from the subscription to the restored image.

The subscription's callback only moves the serialised message into the mailbox. One worker thread takes the
newest, decodes, restores, publishes. Where there is no time for that, or where it takes too long, the
original leaves at its deadline. Every frame gets its outcome exactly once, whatever it meets, and frames
leave in the order in which they came.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from restore_node.common.errors import EncodingError, EngineMissingError, UnreadableEncodingError
from restore_node.messages import codec
from restore_node.messages.cdr import ImageMessage, read_image, read_stamp_ns
from restore_node.messages.frame import Frame
from restore_node.runtime.counters import FrameCounters, Outcome, Reason
from restore_node.runtime.deadline import Deadlines
from restore_node.runtime.job import Job, Output, Settings, leaves_until
from restore_node.runtime.mailbox import Mailbox
from restore_node.runtime.restore import restore_frame
from restore_node.runtime.supervisor import Supervisor
from restore_node.runtime.threads import CLOCK, Clock, start_native
from restore_node.runtime.watchdog import Watchdog

LOG = logging.getLogger(__name__)

#: Seconds between two log lines about frames that went wrong.
QUIET_S = 5.0


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
        self._settings, self._now_ns, self._clock, self._is_compressed = settings, now_ns, clock, compressed
        self._hang_timeout_s, self._read_otherwise = hang_timeout_s, read_otherwise
        self._mailbox: Mailbox[Job] = Mailbox()
        self._watchdog: Watchdog[Job] = Watchdog(hang_timeout_s, self._take_over, clock)
        self._deadlines: Deadlines[Job] = Deadlines(self._let_out, clock)
        self._settling = threading.Lock()  # held while a frame is published: none overtakes another
        self._spare: bytearray | None = None  # for messages out at the deadline, and for none else
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
        self._deadlines.close(patience_s)

    def receive(self, message: bytes) -> None:
        """Take a serialised message; the subscription's callback."""
        stamp_ns, settings = read_stamp_ns(message), self._settings()
        self.age_s = (self._now_ns() - stamp_ns) / 1e9 if stamp_ns else None
        due = leaves_until(settings, self.age_s, self._clock.now())
        job = Job(self._counters.receive(self._topic, stamp_ns), message, settings, due)
        if not self._output.is_watched():
            self._drop(job, Reason.UNWATCHED)
            return
        left_over = self._mailbox.put(job)
        if left_over is not None:
            self._drop(left_over, Reason.INACTIVE if left_over is job else Reason.SUPERSEDED)
        if left_over is not job:
            self._deadlines.add(job)

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

    def _handle(self, job: Job) -> bool:
        """Give one frame its outcome; False where the watchdog did so meanwhile."""
        if job.is_settled:
            return True
        if job.is_stale(self._now_ns()):
            self._drop(job, Reason.STALE)
            return True
        try:
            job.frame = self._read(job)
        except UnreadableEncodingError as error:
            self._complain(str(error))
            self._forward(job)
            return True
        size = job.frame.height, job.frame.width
        if not (job.settings.bypass or self._deadlines.has_time(job, size)):
            self._pass_through(job, job.frame, Reason.DEADLINE)
            return True
        self._watchdog.begin(job)
        self._deadlines.begin(job)
        begun = self._clock.now()
        try:
            result = self._restore(job, job.frame)
        except Exception:
            if self._watchdog.end(job):
                raise
            return False
        finally:
            self._deadlines.end(job)
        if not self._watchdog.end(job):
            return False
        image, outcome, reason = result
        now = self._clock.now()
        if reason in (Reason.RESTORED, Reason.GATE):
            self._deadlines.times.add(size, now - begun)
        if outcome is Outcome.RESTORED and now > job.due:
            outcome, reason = Outcome.PASSED_THROUGH, Reason.DEADLINE
        if outcome is Outcome.PASSED_THROUGH:
            self._pass_through(job, job.frame, reason)
        else:
            self._publish(job, job.frame, image, outcome, reason)
        return True

    def _read(self, job: Job) -> Frame:
        if self._is_compressed:
            job.is_message = False
            return codec.decode_compressed(job.message)
        try:
            return codec.decode(job.message, job.settings.significant_bits)
        except UnreadableEncodingError:
            frame = self._read_otherwise(job.message)
            if frame is None:
                raise
            job.is_message = False
            return frame

    def _forward(self, job: Job) -> None:
        """Publish an image that nobody here can read, byte for byte: the detector may be able to."""
        # A compressed one is a message of another type than that of the topic.
        if self._is_compressed or job.settings.on_failure == 'drop':
            self._drop(job, Reason.ENCODING)
            return
        image = read_image(job.message)
        self._publish(job, image, job.message, Outcome.PASSED_THROUGH, Reason.ENCODING)

    def _let_out(self, job: Job) -> None:
        """Publish a frame as it came, because its time has come."""
        if job.is_settled:
            return
        try:
            frame = job.frame or self._read(job)
            image = self._original(frame, job, self._spare)
            if isinstance(image, bytearray):
                self._spare = image
            self._publish(job, frame, image, Outcome.PASSED_THROUGH, Reason.DEADLINE)
        except UnreadableEncodingError:
            self._forward(job)
        except Exception as error:
            self._fail(job, error)

    def _take_over(self, job: Job) -> None:
        """Leave a backend that hangs and its thread, let the frame through, go on with a new worker."""
        reason = f'the backend did not answer within {self._hang_timeout_s:g} s'
        if handle := job.handle:
            self._supervisor.abandon(handle, reason)
        self._complain(reason)
        job.memory = None  # the one that hangs may still write to it
        self._deadlines.end(job)
        try:
            assert job.frame
            image = self._original(job.frame, job, None)
            self._publish(job, job.frame, image, Outcome.PASSED_THROUGH, Reason.DEADLINE)
        except Exception as error:
            self._fail(job, error)
        finally:
            # Not before this frame is out: frames leave in the order they came in.
            self._worker = start_native('restore worker', self._work)

    def _pass_through(self, job: Job, frame: Frame, reason: Reason) -> None:
        """Publish the original; from the worker, whose memory it may take."""
        image = self._original(frame, job, job.memory)
        if isinstance(image, bytearray):
            job.memory = image
        self._publish(job, frame, image, Outcome.PASSED_THROUGH, reason)

    def _publish(
        self,
        job: Job,
        frame: Frame | ImageMessage,
        image: bytes | bytearray | None,
        outcome: Outcome,
        reason: Reason,
    ) -> None:
        """Publish an image, if there is one, and count the frame, unless it has its outcome already."""
        with self._settling:
            if job.is_settled:
                return
            if image is not None:
                original = job.message if self._is_compressed and outcome is Outcome.PASSED_THROUGH else None
                self._output.publish(image, frame.header, frame.height, frame.width, original)
            job.is_settled = True
            self._counters.finish(job.pending, outcome, reason)

    def _restore(self, job: Job, frame: Frame) -> tuple[bytearray | None, Outcome, Reason]:
        """Return the restored message, or None and the reason why there is none."""
        settings = job.settings
        if settings.bypass:
            return None, Outcome.PASSED_THROUGH, Reason.BYPASS
        try:
            with self._supervisor.acquire() as job.handle:
                if job.handle:
                    restored = restore_frame(job.handle.backend, frame, settings.gate_threshold)
                    job.pending.measured.update(restored.figures)
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

    def _original(self, frame: Frame, job: Job, into: bytearray | None) -> bytes | bytearray:
        """Return the frame as it came, in the encoding of restored ones, so that a stream never mixes two."""
        wanted = job.settings.output_encoding or codec.output_encoding(frame)
        if wanted == frame.encoding and job.is_message:
            return job.message
        return codec.convert(frame, wanted, into=into)

    def _fail(self, job: Job, error: Exception) -> None:
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

    def _drop(self, job: Job, reason: Reason) -> None:
        with self._settling:
            if not job.is_settled:
                job.is_settled = True
                self._counters.finish(job.pending, Outcome.DROPPED, reason)

    def _complain(self, line: str) -> None:
        """Log that something went wrong with a frame, now and then."""
        self.last_complaint = line
        now = self._clock.now()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            LOG.error('%s: %s', self._topic, line)
