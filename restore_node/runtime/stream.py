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
from restore_node.messages.cdr import read_stamp_ns
from restore_node.messages.frame import Frame
from restore_node.runtime.batches import Batches
from restore_node.runtime.counters import FrameCounters, Reason
from restore_node.runtime.deadline import RestoreTimes
from restore_node.runtime.job import Job, Output, Settings, leaves_until
from restore_node.runtime.mailbox import Mailbox
from restore_node.runtime.outlet import Outlet
from restore_node.runtime.stamp_rate import StampRate
from restore_node.runtime.threads import CLOCK, Clock, start_native
from restore_node.runtime.timekeeper import Timekeeper

LOG = logging.getLogger(__name__)

#: Seconds between two log lines about frames that went wrong.
QUIET_S = 5.0


class CameraStream:
    """Restores the frames of one camera, newest first.

    Args:
        topic: resolved name of the input, for the counters.
        compressed: messages are `sensor_msgs/CompressedImage` instead of `sensor_msgs/Image`.
        output: where images go.
        batches: restores frames, together with those of other cameras.
        counters: they get the outcome of every frame.
        settings: returns the parameters as they are now; a frame is treated by those of its arrival.
        now_ns: the node's clock, which may be simulated.
        hang_timeout_s: how long the backend may take for one frame, seconds; 0 waits for ever.
        clock: the time that `hang_timeout_s` runs by.
        read_otherwise: tried for raw images in an encoding that `codec` does not read; None where it cannot.

    Attributes:
        last_malformed: the last complaint about a malformed message; empty where there was none.
        last_complaint: the last about any frame.
        stamps: the camera's own rate, by the stamps of what arrives.
        age_s: the newest frame's age when it came, by the node's clock, seconds; None where that is unknown.
    """

    def __init__(
        self,
        topic: str,
        compressed: bool,
        output: Output,
        batches: Batches,
        counters: FrameCounters,
        settings: Callable[[], Settings],
        now_ns: Callable[[], int],
        hang_timeout_s: float,
        clock: Clock = CLOCK,
        read_otherwise: Callable[[bytes], Frame | None] = lambda _: None,
    ) -> None:
        self._topic, self._output, self._batches, self._counters = topic, output, batches, counters
        self._settings, self._now_ns, self._clock, self._is_compressed = settings, now_ns, clock, compressed
        self._hang_timeout_s, self._read_otherwise = hang_timeout_s, read_otherwise
        self._mailbox: Mailbox[Job] = Mailbox()
        self._timekeeper = Timekeeper(self._let_out, self._take_over, hang_timeout_s, clock)
        self._times = RestoreTimes()
        self.stamps = StampRate()
        self._outlet = Outlet(output, counters, compressed)
        self._spare: bytearray | None = None  # for messages out at the deadline, and for none else
        self._worker: threading.Thread | None = None
        self._quiet_until = 0.0
        self.last_malformed = self.last_complaint = ''
        self.age_s: float | None = None

    def start(self) -> None:
        """Start the worker."""
        self._worker = start_native('restore worker', self._work)

    def finish(self, patience_s: float = 5.0) -> None:
        """Take no frame any more, drop the one that waits; the one at hand has `patience_s` seconds left."""
        left = self._mailbox.close()
        if left:
            self._outlet.drop(left, Reason.INACTIVE)
        self._timekeeper.hurry(patience_s)

    def stop(self, patience_s: float = 5.0) -> None:
        """Finish, and end the worker.

        A frame that takes longer than `patience_s` seconds is published as it came, its worker left behind.
        """
        self.finish(patience_s)
        # A worker that hangs is replaced; then the replacement is waited for.
        while (worker := self._worker) and worker.is_alive():
            worker.join(0.05)
        self._timekeeper.close(patience_s)

    def receive(self, message: bytes) -> None:
        """Take a serialised message; the subscription's callback."""
        stamp_ns, settings = read_stamp_ns(message), self._settings()
        self.stamps.add(stamp_ns)
        self.age_s = (self._now_ns() - stamp_ns) / 1e9 if stamp_ns else None
        due = leaves_until(settings, self.age_s, self._clock.now())
        job = Job(self._counters.receive(self._topic, stamp_ns), message, settings, due)
        if not self._output.is_watched():
            self._outlet.drop(job, Reason.UNWATCHED)
            return
        left_over = self._mailbox.put(job)
        if left_over is not None:
            self._outlet.drop(left_over, Reason.INACTIVE if left_over is job else Reason.SUPERSEDED)
        if left_over is not job:
            self._timekeeper.add(job)

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
        """Give one frame its outcome; False where the timekeeper did so meanwhile."""
        if job.is_settled:
            return True
        if job.is_stale(self._now_ns()):
            self._outlet.drop(job, Reason.STALE)
            return True
        try:
            job.frame = self._read(job)
        except UnreadableEncodingError as error:
            self._complain(str(error))
            self._outlet.forward(job)
            return True
        size, begun = (job.frame.height, job.frame.width), self._clock.now()
        if not (job.settings.bypass or self._times.has_time(size, begun, job.due)):
            self._pass_through(job, job.frame, Reason.DEADLINE)
            return True
        self._timekeeper.begin(job)
        reason = self._restore(job)
        if not self._timekeeper.end(job):
            return False
        now = self._clock.now()
        if reason in (Reason.RESTORED, Reason.GATE):
            self._times.add(size, now - begun)
        if reason is Reason.RESTORED and now > job.due:
            reason = Reason.DEADLINE
        if reason is Reason.RESTORED:
            self._outlet.restored(job)
        elif reason is Reason.FAILURE and job.settings.on_failure == 'drop':
            self._outlet.drop(job, reason)
        else:
            self._pass_through(job, job.frame, reason)
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

    def _let_out(self, job: Job) -> None:
        """Publish a frame as it came, because its time has come."""
        if job.is_settled:
            return
        try:
            frame = job.frame or self._read(job)
            self._spare = self._outlet.pass_through(job, frame, Reason.DEADLINE, self._spare)
        except UnreadableEncodingError:
            self._outlet.forward(job)
        except Exception as error:
            self._fail(job, error)

    def _take_over(self, job: Job) -> None:
        """Leave a backend that hangs and its thread, let the frame through, go on with a new worker."""
        reason = f'the backend did not answer within {self._hang_timeout_s:g} s'
        self._batches.abandon(job, reason)
        self._complain(reason)
        job.memory = None  # the one that hangs may still write to it
        try:
            assert job.frame
            self._outlet.pass_through(job, job.frame, Reason.DEADLINE, None)
        except Exception as error:
            self._fail(job, error)
        finally:
            # Not before this frame is out: frames leave in the order they came in.
            self._worker = start_native('restore worker', self._work)

    def _pass_through(self, job: Job, frame: Frame, reason: Reason) -> None:
        """Publish the original; from the worker, whose memory it may take."""
        job.memory = self._outlet.pass_through(job, frame, reason, job.memory)

    def _restore(self, job: Job) -> Reason:
        """Tell what becomes of a frame: `RESTORED`, its message then in its memory, or why it is not."""
        if job.settings.bypass:
            return Reason.BYPASS
        try:
            return self._batches.restore(job)
        except EngineMissingError:
            pass  # it is being built, and diagnostics say how far
        except Exception as error:  # whatever it is, the detector sees the original
            self._complain(f'{type(error).__name__}: {error}')
        return Reason.FAILURE

    def _fail(self, job: Job, error: Exception) -> None:
        """Drop a frame that met an error, and never raise another one over it."""
        try:
            if isinstance(error, EncodingError):
                self.last_malformed = str(error)
                self._complain(str(error))
                self._outlet.drop(job, Reason.MALFORMED)
            else:
                self._complain(f'frame dropped: {type(error).__name__}: {error}')
                self._outlet.drop(job, Reason.FAILURE)
        except Exception:
            LOG.exception('%s: a frame could not be counted', self._topic)

    def _complain(self, line: str) -> None:
        """Log that something went wrong with a frame, now and then."""
        self.last_complaint = line
        now = self._clock.now()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            LOG.error('%s: %s', self._topic, line)
