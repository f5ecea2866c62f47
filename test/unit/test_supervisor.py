"""The keeper: a working backend where there can be one, the old one until the new one is ready."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from restore_node.backends.base import Backend
from restore_node.backends.fallback import Rung
from restore_node.backends.registry import create_backend
from restore_node.common.errors import BackendError, ModelError
from restore_node.model import load_model
from restore_node.runtime.supervisor import BackendKeeper, KeeperState, StartBuild

SOON = 5.0  # seconds that a thread is given to do what it ought to do at once
NEVER = 3600.0  # seconds between attempts where a test must not depend on them
BATCH = np.zeros((1, 8, 8, 3), np.uint8)


class Bench:
    """A keeper whose log can be waited for, and whose loading can be held up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: queue.Queue[tuple[str, bool]] = queue.Queue()
        self.may_open = threading.Event()
        self.may_open.set()
        self.opening: queue.Queue[str] = queue.Queue()
        self.keepers: list[BackendKeeper] = []

    def keeper(self, retry_s: float = NEVER) -> BackendKeeper:
        return self.keeper_on([Rung('only', self.open)], retry_s)

    def keeper_on(
        self, ladder: list[Rung], retry_s: float = NEVER, start_build: StartBuild | None = None
    ) -> BackendKeeper:
        log = self.lines.put
        self.keepers.append(BackendKeeper(ladder, retry_s, lambda line, bad: log((line, bad)), start_build))
        return self.keepers[-1]

    def open(self, name: str) -> Backend:
        self.opening.put(name)
        assert self.may_open.wait(SOON)
        if name == 'defect':
            raise ZeroDivisionError('a mistake in a library')
        backend = create_backend('passthrough', load_model(str(self.folder / f'{name}.onnx')))
        backend.open()
        return backend

    def next_line(self) -> tuple[str, bool]:
        return self.lines.get(timeout=SOON)


@pytest.fixture
def bench(make_model: Callable[..., Path]) -> Iterator[Bench]:
    """Models `first` and `second`, and keepers that are closed at the end and leave no thread."""
    bench = Bench(make_model(name='first').parent)
    make_model(name='second')
    yield bench
    bench.may_open.set()
    for keeper in bench.keepers:
        keeper.close()
    assert not [thread for thread in threading.enumerate() if thread.name == 'backend-keeper']


def is_open(backend: Backend) -> bool:
    try:
        backend.restore(BATCH)
    except BackendError:
        return False
    return True


def running(keeper: BackendKeeper) -> str:
    with keeper.borrow() as backend:
        return backend.model.card.name if backend else ''


def test_it_opens_the_backend_at_once(bench: Bench) -> None:
    keeper = bench.keeper()
    assert (keeper.state, running(keeper)) == (KeeperState(), '')
    keeper.start('first')
    assert keeper.state == KeeperState('first', running='first', backend='passthrough', device='none')
    assert running(keeper) == 'first'
    assert bench.next_line() == ('model first runs on passthrough (none)', False)


def test_model_that_is_missing_is_tried_again_until_it_is_there(
    bench: Bench, make_model: Callable[..., Path]
) -> None:
    keeper = bench.keeper(retry_s=0.02)
    with pytest.raises(ModelError):
        keeper.start('third')
    state = keeper.state
    assert (state.wanted, state.running, state.loading) == ('third', '', False)
    assert 'third.onnx' in state.error
    assert running(keeper) == ''
    line, bad = bench.next_line()
    assert bad
    assert line.endswith('(next attempt in 0.02 s)')
    make_model(name='third')
    while bad:
        line, bad = bench.next_line()
    assert line.startswith('model third runs')
    assert keeper.state == KeeperState('third', running='third', backend='passthrough', device='none')


def test_old_model_restores_until_the_new_one_is_ready(bench: Bench) -> None:
    keeper = bench.keeper()
    keeper.start('first')
    bench.next_line()
    with keeper.borrow() as backend:
        old = backend
    bench.may_open.clear()
    keeper.request('second')
    assert [bench.opening.get(timeout=SOON) for _ in range(2)] == ['first', 'second']
    assert keeper.state == KeeperState('second', True, '', 'first', 'passthrough', 'none')
    assert running(keeper) == 'first'
    with keeper.borrow() as backend:  # a frame at hand while the new one gets ready
        bench.may_open.set()
        assert backend is old
        with pytest.raises(queue.Empty):
            bench.lines.get(timeout=0.05)
        assert is_open(old)
    assert bench.next_line()[0].startswith('model second runs')
    assert running(keeper) == 'second'
    assert not is_open(old)


def test_model_that_cannot_be_opened_leaves_the_old_one(bench: Bench) -> None:
    keeper = bench.keeper()
    keeper.start('first')
    bench.next_line()
    keeper.request('third')
    line, bad = bench.next_line()
    assert bad
    assert 'third.onnx' in line
    assert running(keeper) == 'first'
    assert 'third.onnx' in keeper.state.error
    keeper.request('second')  # needs no retry to pass first
    assert bench.next_line()[0].startswith('model second runs')
    assert keeper.state.error == ''


def test_backend_that_failed_is_closed_and_opened_again(bench: Bench) -> None:
    keeper = bench.keeper(retry_s=0.02)
    keeper.start('first')
    bench.next_line()
    bench.may_open.clear()
    with keeper.borrow() as failed:
        assert is_open(failed)
    with pytest.raises(BackendError, match='device lost'), keeper.borrow():
        raise BackendError('device lost')
    assert not is_open(failed)
    assert (keeper.state.running, keeper.state.error) == ('', 'device lost')
    assert running(keeper) == ''
    bench.may_open.set()
    assert bench.next_line()[0].startswith('model first runs')
    assert running(keeper) == 'first'
    assert keeper.state.error == ''


def test_mistake_of_the_borrower_costs_no_backend(bench: Bench) -> None:
    keeper = bench.keeper()
    keeper.start('first')
    with pytest.raises(ZeroDivisionError), keeper.borrow():
        raise ZeroDivisionError
    assert running(keeper) == 'first'


def test_whatever_a_library_raises_the_keeper_goes_on(bench: Bench) -> None:
    keeper = bench.keeper()
    keeper.start('first')
    bench.next_line()
    keeper.request('defect')
    line, bad = bench.next_line()
    assert bad
    assert line.startswith('a mistake in a library')
    assert (keeper.state.loading, keeper.state.error) == (False, 'a mistake in a library')
    keeper.request('second')
    assert bench.next_line()[0].startswith('model second runs')


@pytest.mark.parametrize('start', [None, 'first', 'third'], ids=['before start', 'running', 'failed'])
def test_closing_ends_it_in_any_state(bench: Bench, start: str | None) -> None:
    keeper = bench.keeper()
    backend = None
    if start == 'third':
        with pytest.raises(ModelError):
            keeper.start(start)
    elif start:
        keeper.start(start)
        with keeper.borrow() as backend:
            pass
    for _ in range(2):
        keeper.close()
    assert running(keeper) == ''
    assert keeper.state.running == ''
    assert backend is None or not is_open(backend)
    keeper.request('second')
    assert running(keeper) == ''


def test_closing_waits_for_a_model_that_is_being_loaded(bench: Bench) -> None:
    keeper = bench.keeper()
    keeper.start('first')
    bench.next_line()
    bench.may_open.clear()
    keeper.request('second')
    assert [bench.opening.get(timeout=SOON) for _ in range(2)] == ['first', 'second']
    closer = threading.Thread(target=keeper.close)
    closer.start()
    closer.join(0.05)
    assert closer.is_alive()
    bench.may_open.set()
    closer.join(SOON)
    assert not closer.is_alive()
    assert keeper.state.running == ''


def test_frames_and_swaps_cross_without_a_closed_backend(bench: Bench) -> None:
    keeper = bench.keeper()
    keeper.start('first')
    done = threading.Event()
    seen: set[str] = set()
    faults: list[Exception] = []

    def restore_frames() -> None:
        while not done.is_set():
            try:
                with keeper.borrow() as backend:
                    assert backend is not None
                    backend.restore(BATCH)
                    seen.add(backend.model.card.name)
            except Exception as error:
                faults.append(error)
                return

    frames = [threading.Thread(target=restore_frames) for _ in range(2)]
    for thread in frames:
        thread.start()
    bench.next_line()
    for name in ['second', 'first'] * 5:
        keeper.request(name)
        assert bench.next_line()[0].startswith(f'model {name} runs')
    done.set()
    for thread in frames:
        thread.join()
    assert not faults
    assert seen <= {'first', 'second'}
