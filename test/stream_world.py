"""A stream with all that it works with: a backend that follows a script, and a clock that tests advance."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from fake_backend import FakeBackend
from fake_clock import FakeClock
from messages import image_message
from waiting import LONG, wait_until

from restore_node.backends.base import Candidate
from restore_node.common.errors import BackendError
from restore_node.messages.cdr import ImageMessage
from restore_node.messages.frame import Frame, Header
from restore_node.runtime.batches import Batches
from restore_node.runtime.counters import FrameCounters, FrameRecord
from restore_node.runtime.stream import CameraStream
from restore_node.runtime.supervisor import Supervisor

HANG_TIMEOUT_S, RETRY_S = 10.0, 1.0


class World:
    """A stream, and all that it works with."""

    def __init__(
        self, script: dict[int, str], hang_timeout_s: float = HANG_TIMEOUT_S, **options: Any
    ) -> None:
        self.script = script
        self.entered = {number: threading.Event() for number in script}
        self.may_return = {number: threading.Event() for number in script}
        self.takes_s: dict[int, float] = {}
        self.is_at_work = self.is_closing = False
        self.now_ns = 0
        self.clock = FakeClock()
        self.records: list[FrameRecord] = []
        self.published: list[int] = []
        self.publishing = threading.Condition()
        self.fault: Exception | None = None
        self.keep: Callable[[bytes], object] = lambda _: None
        self.look: Callable[[Any], object] = lambda _: None
        self.on_publish: Callable[[int], object] = lambda _: None
        self.settings = SimpleNamespace(
            output_encoding='',
            significant_bits=0,
            max_age=0.0,
            deadline=0.0,
            gate_threshold=0.0,
            bypass=False,
            on_failure='passthrough',
        )
        self.counters = FrameCounters(self.records.append)
        candidate = Candidate('scripted', self.backend)  # type: ignore[arg-type]
        self.supervisor = Supervisor([candidate], RETRY_S, clock=self.clock)
        self.supervisor.start('model')
        self.stream = CameraStream(
            '/image',
            False,
            self,
            Batches(self.supervisor),
            self.counters,
            settings=lambda: self.settings,
            now_ns=lambda: self.now_ns,
            hang_timeout_s=hang_timeout_s,
            clock=self.clock,
            **options,
        )
        self.stream.start()

    def backend(self, _: object) -> FakeBackend:
        return FakeBackend('scripted', self.restore)

    def restore(self, batch: np.ndarray) -> np.ndarray:
        """Do what the script says; the frame's number is in its first pixel."""
        number = int(batch[0, 0, 0, 0])
        behaviour = self.script[number]
        if behaviour == 'last':
            self.last(self.takes_s[number])
        if behaviour in ('hang', 'slow'):
            self.entered[number].set()
            assert self.may_return[number].wait(LONG)
        if behaviour == 'fail':
            raise BackendError('a failed call')
        if behaviour == 'raise':
            raise ZeroDivisionError('a mistake in a library')
        return batch + np.uint8(10)

    def last(self, seconds: float) -> None:
        """Take so long, by the clock of the test."""
        end, condition = self.clock.now() + seconds, threading.Condition()
        self.is_at_work = True
        with condition:
            while not self.is_closing and (left := end - self.clock.now()) > 0:
                self.clock.wait(condition, left)
        self.is_at_work = False

    def is_watched(self) -> bool:
        return True

    def publish(self, image: bytes, frame: Frame | ImageMessage, original: bytes | None) -> None:
        """A large frame takes a moment to publish: long enough for another to overtake it, if one could."""
        header = frame.header
        if self.fault:
            raise self.fault
        self.keep(bytes(image))
        self.look(image)
        self.on_publish(header.sec)
        with self.publishing:
            if self.script[header.sec] == 'hang':
                self.publishing.wait_for(lambda: any(sec > header.sec for sec in self.published), 0.01)
            self.published.append(header.sec)
            self.publishing.notify_all()

    def send(self, number: int) -> None:
        pixels = np.full((2, 2, 3), number, np.uint8)
        self.stream.receive(image_message(pixels, 'rgb8', header=Header(number, 0, 'camera')))

    def outcomes(self) -> dict[int, tuple[str, str]]:
        return {one.stamp_ns // 10**9: (one.outcome.value, one.reason.value) for one in self.records}

    def wait_for(self, number: int) -> tuple[str, str]:
        wait_until(lambda: number in self.outcomes(), lambda: (number, self.outcomes()))
        return self.outcomes()[number]

    def wait_for_backend(self) -> None:
        def is_back() -> bool:
            self.clock.advance(RETRY_S)
            return bool(self.supervisor.state.running)

        wait_until(is_back, lambda: self.supervisor.state)

    def close(self) -> None:
        self.is_closing = True
        self.clock.advance(0.0)
        for event in self.may_return.values():
            event.set()
        self.stream.stop()
        assert self.supervisor.close(LONG)
        counts = self.counters.counts()
        assert counts.in_flight == 0
        assert counts.received == len(self.records)
