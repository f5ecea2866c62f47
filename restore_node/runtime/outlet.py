"""Outlet: where the frames of one camera leave. Each has its outcome once, and none overtakes another."""

from __future__ import annotations

import threading

from restore_node.messages import codec
from restore_node.messages.cdr import ImageMessage, read_image
from restore_node.messages.frame import Frame
from restore_node.runtime.counters import FrameCounters, Outcome, Reason
from restore_node.runtime.job import Job, Output


class Outlet:
    """Publishes and counts frames; what comes for one that is settled already changes nothing.

    The messages that come in are `sensor_msgs/CompressedImage` where `compressed`.
    """

    def __init__(self, output: Output, counters: FrameCounters, compressed: bool) -> None:
        self._output, self._counters, self._is_compressed = output, counters, compressed
        self._settling = threading.Lock()  # held while a frame is published

    def restored(self, job: Job) -> None:
        """Publish the message in the frame's memory."""
        assert job.frame
        assert job.memory
        self._publish(job, job.frame, job.memory, Outcome.RESTORED, Reason.RESTORED)

    def pass_through(
        self, job: Job, frame: Frame, reason: Reason, into: bytearray | None
    ) -> bytearray | None:
        """Publish a frame as it came, in the encoding of restored ones, so that a stream never mixes two.

        Where it has to be converted, that happens in the memory of `into`, if it fits; returns the memory.
        """
        if job.is_settled:
            return into
        wanted = job.settings.output_encoding or codec.output_encoding(frame)
        image: bytes | bytearray = job.message
        if wanted != frame.encoding or not job.is_message:
            image = into = codec.convert(frame, wanted, into=into)
        self._publish(job, frame, image, Outcome.PASSED_THROUGH, reason)
        return into

    def forward(self, job: Job) -> None:
        """Publish an image that nobody here can read, byte for byte: the detector may be able to."""
        # A compressed one is a message of another type than that of the topic.
        if self._is_compressed or job.settings.on_failure == 'drop':
            self.drop(job, Reason.ENCODING)
            return
        self._publish(job, read_image(job.message), job.message, Outcome.PASSED_THROUGH, Reason.ENCODING)

    def drop(self, job: Job, reason: Reason) -> None:
        """Publish nothing in its place."""
        with self._settling:
            self._settle(job, Outcome.DROPPED, reason)

    def _publish(
        self,
        job: Job,
        frame: Frame | ImageMessage,
        image: bytes | bytearray,
        outcome: Outcome,
        reason: Reason,
    ) -> None:
        with self._settling:
            if not job.is_settled:
                original = job.message if self._is_compressed and outcome is Outcome.PASSED_THROUGH else None
                self._output.publish(image, frame, original)
            self._settle(job, outcome, reason)

    def _settle(self, job: Job, outcome: Outcome, reason: Reason) -> None:
        if not job.is_settled:
            job.is_settled = True
            self._counters.finish(job.pending, outcome, reason)
