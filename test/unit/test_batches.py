"""Frames that wait together go through the backend together: which, in what order, and what comes of each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_backend import FakeBackend
from fake_clock import FakeClock
from waiting import LONG, wait_until

from restore_node.backends.base import Candidate
from restore_node.common.errors import BackendError
from restore_node.messages import codec
from restore_node.messages.frame import Frame, Header
from restore_node.runtime.batches import Batches
from restore_node.runtime.counters import PendingFrame, Reason
from restore_node.runtime.job import Job
from restore_node.runtime.supervisor import Supervisor

RETRY_S = 1.0
SMALL, LARGE = (2, 2), (4, 6)


class World:
    """Batches, the supervisor behind them, and cameras that bring frames from threads of their own."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered, self.may_go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.is_open = threading.Event()
        self.fault: Exception | None = None
        self.threads: dict[int, threading.Thread] = {}
        self.jobs: dict[int, Job] = {}
        self.got: dict[int, Reason | Exception] = {}
        candidate = Candidate('gated', self.backend)  # type: ignore[arg-type]
        self.clock = FakeClock()
        self.supervisor = Supervisor([candidate], RETRY_S, clock=self.clock)
        self.supervisor.start('model')
        self.subject = Batches(self.supervisor)

    def backend(self, _: object) -> FakeBackend:
        return FakeBackend('gated', self.restore)

    def restore(self, batch: np.ndarray) -> np.ndarray:
        """Add ten to a batch, once a test lets it; the first pixel of each image is the frame's number."""
        self.batches.append([int(number) for number in batch[:, 0, 0, 0]])
        if not self.is_open.is_set():
            self.entered.release()
            assert self.may_go_on.acquire(timeout=LONG)
        if self.fault:
            raise self.fault
        return batch + np.uint8(10)

    def bring(self, number: int, size: tuple[int, int] = SMALL, **changes: Any) -> Job:
        """A camera's worker brings a frame; returns once it waits or the backend has it."""
        settings = SimpleNamespace(output_encoding='', gate_threshold=changes.get('gate_threshold', 0.0))
        settings.output_encoding = changes.get('output_encoding', '')
        pixels = changes.get('pixels', np.full((*size, 3), number, np.uint8))
        job = Job(PendingFrame('/image', number), b'', settings)  # type: ignore[arg-type]
        job.frame, job.memory = Frame(pixels, 'rgb8', Header(number, 0, '')), bytearray(b'mine')

        def work() -> None:
            try:
                self.got[number] = self.subject.restore(job)
            except Exception as error:
                self.got[number] = error

        self.jobs[number] = job
        self.threads[number] = threading.Thread(target=work, daemon=True)
        before = self.waiting()
        self.threads[number].start()
        wait_until(lambda: self.waiting() > before or job.handle or number in self.got)
        return job

    def is_back(self) -> bool:
        """Whether the backend is open again after a fault."""
        self.clock.advance(RETRY_S)
        return self.supervisor.state.running == 'model'

    def waiting(self) -> int:
        return len(self.supervisor._waiting)

    def occupy(self, number: int = 100, size: tuple[int, int] = SMALL) -> Job:
        """The backend is at work with this frame until `go_on`."""
        job = self.bring(number, size)
        assert self.entered.acquire(timeout=LONG)
        return job

    def go_on(self) -> None:
        """Let all that waits through."""
        self.is_open.set()
        self.may_go_on.release(100)
        for thread in self.threads.values():
            thread.join(LONG)
            assert not thread.is_alive()

    def pixels(self, number: int) -> np.ndarray:
        memory = self.jobs[number].memory
        assert memory
        return codec.decode(bytes(memory)).pixels


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.go_on()
    assert made.supervisor.close(LONG)
    assert not made.subject._waiting


def test_frames_that_wait_together_are_one_batch(world: World) -> None:
    world.occupy(9)
    for number in (1, 2, 3):
        world.bring(number)
    world.go_on()
    assert world.batches == [[9], [1, 2, 3]]
    assert world.subject.sizes == {1: 1, 3: 1}
    for number in (9, 1, 2, 3):
        assert world.got[number] is Reason.RESTORED
        np.testing.assert_array_equal(world.pixels(number), number + 10)
        assert world.jobs[number].pending.measured['batch'] == (1 if number == 9 else 3)


def test_a_frame_waits_for_no_other_to_come(world: World) -> None:
    world.is_open.set()
    for number in (1, 2):
        world.bring(number)
        wait_until(lambda number=number: number in world.got)
    assert world.batches == [[1], [2]]


def test_sizes_and_thresholds_stay_apart_and_take_turns_as_they_came(world: World) -> None:
    world.occupy(9)
    for number, size, threshold in (
        (1, SMALL, 0.0),
        (2, LARGE, 0.0),
        (3, SMALL, 5.0),
        (4, SMALL, 0.0),
        (5, LARGE, 0.0),
    ):
        world.bring(number, size, gate_threshold=threshold)
    world.go_on()
    assert world.batches == [[9], [1, 4], [2, 5], [3]]
    assert {world.got[number] for number in (1, 2, 3, 4, 5)} == {Reason.RESTORED}


def test_a_clean_frame_of_a_batch_is_told_apart(world: World) -> None:
    world.occupy(9)
    world.bring(1, gate_threshold=20.0)
    world.go_on()
    assert world.got[1] is Reason.GATE
    assert world.jobs[1].memory == b'mine'
    assert world.jobs[1].pending.measured['gate score'] == pytest.approx(10)


def test_the_fastest_camera_starves_none(world: World) -> None:
    """It asks again as soon as it is served; each of the others is served before its next turn."""
    others = {1: (2, 2), 2: (3, 3), 3: (4, 4)}
    for turn in range(1, 20):
        if turn == 1:
            world.occupy(100, LARGE)
        for number, size in others.items():
            world.bring(number + 10 * turn, size)
        world.bring(100 + turn, LARGE)  # the fast one, behind those that waited
        for _ in range(len(others) + 1):
            world.may_go_on.release()
            assert world.entered.acquire(timeout=LONG)
        assert world.batches[-1] == [100 + turn]
        assert [batch[0] for batch in world.batches[-4:-1]] == [number + 10 * turn for number in others]


def test_a_failed_call_costs_every_frame_of_the_batch_and_is_told_once(world: World) -> None:
    world.occupy(9)
    for number in (1, 2):
        world.bring(number)
    world.fault = BackendError('device lost')
    world.may_go_on.release()  # of the first frame, alone
    wait_until(lambda: 9 in world.got)
    world.go_on()
    assert isinstance(world.got[9], BackendError)
    # The two that waited found no backend: it is being opened again.
    assert {world.got[1], world.got[2]} == {Reason.FAILURE}
    assert [world.jobs[number].memory for number in (1, 2)] == [b'mine'] * 2


def test_a_failed_batch_is_told_to_each(world: World) -> None:
    world.occupy(9)
    for number in (1, 2):
        world.bring(number)
    world.may_go_on.release()
    assert world.entered.acquire(timeout=LONG)
    world.fault = BackendError('device lost')
    world.go_on()
    assert world.got[9] is Reason.RESTORED
    assert {str(world.got[number]) for number in (1, 2)} == {'device lost'}
    assert world.subject.sizes == {1: 1}


@pytest.mark.parametrize('poison', [{'pixels': np.zeros((2, 2), np.uint8)}, {'output_encoding': 'nonsense'}])
def test_what_is_wrong_with_one_frame_costs_that_one_alone(world: World, poison: dict[str, Any]) -> None:
    world.occupy(9)
    world.bring(1)
    world.bring(2, **poison)
    world.bring(3)
    world.go_on()
    assert isinstance(world.got[2], Exception)
    for number in (1, 3):
        assert world.got[number] is Reason.RESTORED
        np.testing.assert_array_equal(world.pixels(number), number + 10)
    assert world.supervisor.state.running == 'model'


def test_a_frame_that_has_left_is_not_restored(world: World) -> None:
    world.occupy(9)
    world.bring(1)
    world.bring(2).is_settled = True
    world.go_on()
    assert world.batches == [[9], [1]]
    assert world.got[2] is Reason.DEADLINE


def test_who_was_in_a_batch_that_hangs_goes_on_and_its_memory_stays_behind(world: World) -> None:
    world.occupy(9)
    for number in (1, 2):
        world.bring(number)
    world.may_go_on.release()
    assert world.entered.acquire(timeout=LONG)  # 1 and 2 hang
    world.subject.abandon(world.jobs[2], 'no answer within 10 s')
    wait_until(lambda: 2 in world.got)
    assert world.got[2] is Reason.DEADLINE
    assert world.jobs[2].memory is None
    wait_until(world.is_back)
    world.is_open.set()
    world.bring(3)
    wait_until(lambda: 3 in world.got)
    assert world.got[3] is Reason.RESTORED
    world.go_on()  # the batch comes back late
    assert world.jobs[2].memory is None
    assert world.got[1] is Reason.RESTORED


def test_without_a_backend_nobody_waits(world: World) -> None:
    assert world.supervisor.close(LONG)
    world.bring(1)
    wait_until(lambda: 1 in world.got)
    assert world.got[1] is Reason.FAILURE
    assert world.jobs[1].memory == b'mine'
