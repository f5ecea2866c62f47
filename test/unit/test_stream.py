"""One camera's way through the node: every frame has one outcome, in order, whatever the backend does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from messages import image_message
from stream_world import HANG_TIMEOUT_S, World
from waiting import LONG, wait_until

from restore_node.messages import codec
from restore_node.messages.frame import Frame, Header

pytest.importorskip('hypothesis', reason='hypothesis is not installed')
from hypothesis import given, settings, strategies

BEHAVIOURS = ('restore', 'fail', 'raise', 'hang', 'slow')


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
