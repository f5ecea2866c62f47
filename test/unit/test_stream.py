"""One camera's way through the node: every frame has one outcome, in order, whatever the backend does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_clock import FakeClock
from messages import image_message
from waiting import LONG, wait_until

from restore_node.backends.base import Candidate
from restore_node.common.errors import BackendError
from restore_node.messages import codec
from restore_node.messages.frame import Frame, Header
from restore_node.runtime.counters import FrameCounters, FrameRecord
from restore_node.runtime.stream import CameraStream
from restore_node.runtime.supervisor import Supervisor

pytest.importorskip('hypothesis', reason='hypothesis is not installed')
from hypothesis import given, settings, strategies

HANG_TIMEOUT_S, RETRY_S = 10.0, 1.0
BEHAVIOURS = ('restore', 'fail', 'raise', 'hang', 'slow')


class ScriptedBackend:
    """Does with each frame what the script says; the frame's number is in its first pixel."""

    name, device, size_multiple = 'scripted', 'here', 1

    def __init__(self, world: World) -> None:
        self._world = world
        self.model = SimpleNamespace(card=SimpleNamespace(name='model'))

    def staging(self, *shape: int) -> np.ndarray:
        return np.zeros((*shape, 3), np.uint8)

    def restore(self, batch: np.ndarray) -> np.ndarray:
        number = int(batch[0, 0, 0, 0])
        behaviour = self._world.script[number]
        if behaviour in ('hang', 'slow'):
            self._world.entered[number].set()
            assert self._world.may_return[number].wait(LONG)
        if behaviour == 'fail':
            raise BackendError('a failed call')
        if behaviour == 'raise':
            raise ZeroDivisionError('a mistake in a library')
        return batch + np.uint8(10)

    def close(self) -> None:
        pass


class World:
    """A stream, and all that it works with."""

    def __init__(
        self, script: dict[int, str], hang_timeout_s: float = HANG_TIMEOUT_S, **options: Any
    ) -> None:
        self.script = script
        self.entered = {number: threading.Event() for number in script}
        self.may_return = {number: threading.Event() for number in script}
        self.clock = FakeClock()
        self.records: list[FrameRecord] = []
        self.published: list[int] = []
        self.publishing = threading.Condition()
        self.fault: Exception | None = None
        self.keep: Callable[[bytes], object] = lambda _: None
        self.look: Callable[[Any], object] = lambda _: None
        self.settings = SimpleNamespace(
            output_encoding='', max_age=0.0, gate_threshold=0.0, bypass=False, on_failure='passthrough'
        )
        self.counters = FrameCounters(self.records.append)
        candidate = Candidate('scripted', lambda _: ScriptedBackend(self))  # type: ignore[arg-type, return-value]
        self.supervisor = Supervisor([candidate], RETRY_S, clock=self.clock)
        self.supervisor.start('model')
        self.stream = CameraStream(
            '/image',
            False,
            self,
            self.supervisor,
            self.counters,
            settings=lambda: self.settings,
            now_ns=lambda: 0,
            hang_timeout_s=hang_timeout_s,
            clock=self.clock,
            **options,
        )
        self.stream.start()

    def is_watched(self) -> bool:
        return True

    def publish(self, image: bytes, header: Header, *_: Any) -> None:
        """A large frame takes a moment to publish: long enough for another to overtake it, if one could."""
        if self.fault:
            raise self.fault
        self.keep(bytes(image))
        self.look(image)
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
        for event in self.may_return.values():
            event.set()
        self.stream.stop()
        assert self.supervisor.close(LONG)
        counts = self.counters.counts()
        assert counts.in_flight == 0
        assert counts.received == len(self.records)


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(*script: str, **options: Any) -> World:
        worlds.append(World(dict(enumerate(script, start=1)), **options))
        return worlds[-1]

    yield make
    for one in worlds:
        one.close()


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(
    strategies.lists(
        strategies.tuples(strategies.sampled_from(BEHAVIOURS), strategies.booleans(), strategies.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_stamps_never_run_backwards(steps: list[tuple[str, bool, bool]]) -> None:
    """Whatever fails, hangs, comes back late or fits in between: frames leave in the order they came in."""
    world = World({number: behaviour for number, (behaviour, *_) in enumerate(steps, start=1)})
    try:
        unsettled = []
        for number, (behaviour, has_company, returns_late) in enumerate(steps, start=1):
            world.wait_for_backend()
            world.send(number)
            if behaviour in ('hang', 'slow'):
                wait_until(world.entered[number].is_set)
                if behaviour == 'slow':
                    world.may_return[number].set()
                elif has_company and number + 1 <= len(steps) and steps[number][0] not in ('hang', 'slow'):
                    world.send(number + 1)  # waits in the mailbox while this one hangs
                if behaviour == 'hang':
                    world.clock.advance(HANG_TIMEOUT_S)
                    assert world.wait_for(number) == ('passed_through', 'deadline')
                    if returns_late:
                        world.may_return[number].set()
            unsettled.append(number)
            for one in unsettled:
                world.wait_for(one)
    finally:
        world.close()
    assert world.published == sorted(world.published)


def test_a_restored_frame_is_published_with_its_header(world: Callable[..., World]) -> None:
    one = world('restore')
    one.send(1)
    assert one.wait_for(1) == ('restored', 'restored')
    assert one.published == [1]


@pytest.mark.parametrize(
    ('behaviour', 'on_failure', 'outcome'),
    [
        ('fail', 'passthrough', ('passed_through', 'failure')),
        ('fail', 'drop', ('dropped', 'failure')),
        ('raise', 'passthrough', ('passed_through', 'failure')),
    ],
)
def test_a_failure_costs_a_frame_and_not_the_stream(
    world: Callable[..., World], behaviour: str, on_failure: str, outcome: tuple[str, str]
) -> None:
    one = world(behaviour, 'restore')
    one.settings.on_failure = on_failure
    one.send(1)
    assert one.wait_for(1) == outcome
    one.wait_for_backend()
    one.send(2)
    assert one.wait_for(2) == ('restored', 'restored')


def test_a_publisher_that_raises_costs_a_frame_even_while_the_backend_hangs(
    world: Callable[..., World],
) -> None:
    one = world('restore', 'hang', 'restore')
    one.fault = RuntimeError('the publisher is gone')
    one.send(1)
    assert one.wait_for(1) == ('dropped', 'failure')
    one.send(2)
    wait_until(one.entered[2].is_set)
    one.clock.advance(HANG_TIMEOUT_S)
    assert one.wait_for(2) == ('dropped', 'failure')
    one.fault = None
    one.wait_for_backend()
    one.send(3)
    assert one.wait_for(3) == ('restored', 'restored')


@pytest.mark.parametrize('hang_timeout_s', [0.0, 1e6])
def test_stopping_does_not_wait_for_a_hang(world: Callable[..., World], hang_timeout_s: float) -> None:
    one = world('hang', hang_timeout_s=hang_timeout_s)
    one.send(1)
    wait_until(one.entered[1].is_set)
    one.send(1)  # another, which waits
    stopper = threading.Thread(target=lambda: one.stream.stop(patience_s=3.0), daemon=True)
    stopper.start()
    wait_until(lambda: len(one.records) == 1)
    assert one.outcomes()[1] == ('dropped', 'inactive')
    one.clock.advance(3.0)
    stopper.join(LONG)
    assert not stopper.is_alive()
    assert one.outcomes()[1] == ('passed_through', 'deadline')
    assert one.counters.counts().in_flight == 0
    assert not one.supervisor.close(patience_s=0.0)  # the backend is still held


def test_a_hang_of_one_camera_does_not_abandon_the_backend_of_another(world: Callable[..., World]) -> None:
    """A frame that waits behind another camera's is let through in time, and that is all."""
    one = world('restore')
    with one.supervisor.acquire() as handle:
        assert handle
        one.send(1)
        wait_until(lambda: one.supervisor._waiting)
        one.clock.advance(HANG_TIMEOUT_S)
        assert one.wait_for(1) == ('passed_through', 'deadline')
        assert one.supervisor.state.running == 'model'
    assert one.published == [1]


def test_the_frame_is_the_original_when_it_passes_through(world: Callable[..., World]) -> None:
    one = world('restore')
    one.settings.bypass = True
    images: list[bytes] = []
    one.publish = lambda image, *_: images.append(bytes(image))  # type: ignore[method-assign, assignment]
    one.send(1)
    assert one.wait_for(1) == ('passed_through', 'bypass')
    np.testing.assert_array_equal(codec.decode(images[0]).pixels, 1)


def depth_message(number: int, encoding: str = '32FC1') -> bytes:
    return image_message(np.full((2, 2, 4), number, np.uint8), encoding, header=Header(number, 0, 'camera'))


def test_an_image_that_nobody_reads_is_forwarded_byte_for_byte(world: Callable[..., World]) -> None:
    made = world('work', 'work')
    messages: list[bytes] = []
    made.keep = messages.append
    made.stream.receive(depth_message(1))
    assert made.wait_for(1) == ('passed_through', 'encoding')
    made.send(2)
    assert made.wait_for(2) == ('restored', 'restored')
    assert messages[0] == depth_message(1)
    assert made.stream.last_malformed == ''


def test_on_failure_drop_drops_what_nobody_reads(world: Callable[..., World]) -> None:
    made = world('work')
    made.settings.on_failure = 'drop'
    made.stream.receive(depth_message(1))
    assert made.wait_for(1) == ('dropped', 'encoding')
    assert made.counters.counts().reasons == {'encoding_dropped': 1}


def test_a_malformed_image_in_an_unread_encoding_is_dropped(world: Callable[..., World]) -> None:
    made = world('work')
    made.stream.receive(depth_message(1)[:-4])
    assert made.wait_for(1) == ('dropped', 'malformed')


@pytest.mark.parametrize('bypass', [False, True])
def test_what_is_read_otherwise_goes_out_in_one_encoding(world: Callable[..., World], bypass: bool) -> None:
    """Restored or passed through, a stream never mixes two encodings."""
    frame = Frame(np.full((2, 2, 3), 1, np.uint8), 'rgb8', Header(1, 0, ''))
    made = world('work', read_otherwise=lambda _: frame)
    made.settings.bypass = bypass
    messages: list[bytes] = []
    made.keep = messages.append
    made.stream.receive(depth_message(1, 'new_encoding'))
    assert made.wait_for(1)[0] == ('passed_through' if bypass else 'restored')
    assert codec.decode(messages[0]).encoding == 'rgb8'


def test_messages_out_use_the_same_memory_again(world: Callable[..., World]) -> None:
    made = world('work', 'work', 'work')
    places: list[int] = []
    made.keep = lambda _: None
    made.look = lambda image: places.append(id(image))
    for number in (1, 2, 3):
        made.send(number)
        assert made.wait_for(number) == ('restored', 'restored')
    assert len(set(places)) == 1


def test_two_streams_never_share_memory(world: Callable[..., World]) -> None:
    places: list[int] = []
    images: list[Any] = []  # kept, so that no address is used twice
    for made in (world('work'), world('work')):
        made.look = lambda image: (places.append(id(image)), images.append(image))
        made.send(1)
        assert made.wait_for(1) == ('restored', 'restored')
    assert len(set(places)) == 2
