"""The supervisor: a working backend where there can be one, the old one until the new one is ready."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from waiting import LONG, wait_until

from restore_node.backends.base import Backend, Candidate
from restore_node.backends.registry import create_backend
from restore_node.common.errors import BackendError, EncodingError, ModelError
from restore_node.model import load_model
from restore_node.runtime.supervision import Phase
from restore_node.runtime.supervisor import Handle, Supervisor, SupervisorState

NEVER = 3600.0  # seconds between attempts where a test must not depend on them
BATCH = np.zeros((1, 8, 8, 3), np.uint8)


class Lines(logging.Handler):
    """What was logged, line by line, with whether it is bad news."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: queue.Queue[tuple[str, bool]] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.queue.put((record.getMessage(), record.levelno > logging.INFO))


class Bench:
    """A supervisor whose log can be waited for, and whose loading can be held up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = Lines()
        self.may_open = threading.Event()
        self.may_open.set()
        self.opening: queue.Queue[str] = queue.Queue()
        self.opened: list[Backend] = []
        self.supervisors: list[Supervisor] = []

    def supervisor(self, retry_s: float = NEVER) -> Supervisor:
        self.supervisors.append(Supervisor([Candidate('only', self.open)], retry_s))
        return self.supervisors[-1]

    def open(self, name: str) -> Backend:
        self.opening.put(name)
        assert self.may_open.wait(LONG)
        if name == 'defect':
            raise ZeroDivisionError('a mistake in a library')
        backend = create_backend('passthrough', load_model(str(self.folder / f'{name}.onnx')))
        backend.open()
        self.opened.append(backend)
        return backend

    def next_line(self) -> tuple[str, bool]:
        return self.lines.queue.get(timeout=LONG)


@pytest.fixture
def bench(make_model: Callable[..., Path]) -> Iterator[Bench]:
    """Models `first` and `second`, and supervisors that are closed at the end and leave no thread."""
    bench = Bench(make_model(name='first').parent)
    make_model(name='second')
    log = logging.getLogger('restore_node.runtime.commands')
    log.addHandler(bench.lines)
    log.setLevel(logging.DEBUG)
    yield bench
    log.removeHandler(bench.lines)
    bench.may_open.set()
    for supervisor in bench.supervisors:
        assert supervisor.close(LONG)
    wait_until(lambda: 'supervisor' not in [thread.name for thread in threading.enumerate()])
    assert not [backend for backend in bench.opened if is_open(backend)]


def is_open(backend: Backend) -> bool:
    try:
        backend.restore(BATCH)
    except BackendError:
        return False
    return True


def running(supervisor: Supervisor) -> str:
    with supervisor.acquire() as handle:
        return handle.backend.model.card.name if handle else ''


def serving(model: str, wanted: str = '', phase: Phase = Phase.SERVING) -> SupervisorState:
    return SupervisorState(
        phase=phase, wanted=wanted or model, running=model, backend='passthrough', device='none'
    )


def test_it_opens_the_backend_at_once(bench: Bench) -> None:
    supervisor = bench.supervisor()
    assert (supervisor.state, running(supervisor)) == (SupervisorState(), '')
    supervisor.start('first')
    assert supervisor.state == serving('first')
    assert running(supervisor) == 'first'
    assert bench.next_line() == ('model first runs on passthrough (none)', False)


def test_model_that_is_missing_is_tried_again_until_it_is_there(
    bench: Bench, make_model: Callable[..., Path]
) -> None:
    supervisor = bench.supervisor(retry_s=0.02)
    with pytest.raises(ModelError):
        supervisor.start('third')
    state = supervisor.state
    assert (state.wanted, state.running) == ('third', '')
    assert 'third.onnx' in state.error
    assert running(supervisor) == ''
    line, bad = bench.next_line()
    assert bad
    assert line.endswith('(next attempt in 0.02 s)')
    make_model(name='third')
    while bad:
        line, bad = bench.next_line()
    assert line.startswith('model third runs')
    assert supervisor.state == serving('third')


def test_old_model_restores_until_the_new_one_is_ready(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    bench.next_line()
    with supervisor.acquire() as handle:
        assert handle
        old = handle.backend
    bench.may_open.clear()
    supervisor.request('second')
    assert [bench.opening.get(timeout=LONG) for _ in range(2)] == ['first', 'second']
    assert supervisor.state == serving('first', wanted='second', phase=Phase.REPLACING)
    assert running(supervisor) == 'first'
    with supervisor.acquire() as handle:  # a frame at hand while the new one gets ready
        assert handle
        assert handle.backend is old
        bench.may_open.set()
        assert bench.next_line()[0].startswith('model second runs')
        assert is_open(old)
    assert running(supervisor) == 'second'
    wait_until(lambda: not is_open(old))


def test_model_that_cannot_be_opened_leaves_the_old_one(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    bench.next_line()
    supervisor.request('third')
    line, bad = bench.next_line()
    assert bad
    assert 'third.onnx' in line
    assert running(supervisor) == 'first'
    assert supervisor.state.phase == Phase.RETAINING
    assert 'third.onnx' in supervisor.state.error
    supervisor.request('second')  # needs no retry to pass first
    assert bench.next_line()[0].startswith('model second runs')
    assert supervisor.state.error == ''


def test_backend_that_failed_is_closed_and_opened_again(bench: Bench) -> None:
    supervisor = bench.supervisor(retry_s=0.02)
    supervisor.start('first')
    bench.next_line()
    bench.may_open.clear()
    with supervisor.acquire() as handle:
        assert handle
        failed = handle.backend
        assert is_open(failed)
    with pytest.raises(BackendError, match='device lost'), supervisor.acquire():
        raise BackendError('device lost')
    assert running(supervisor) == ''
    assert supervisor.state.running == ''
    wait_until(lambda: supervisor.state.error == 'device lost')
    wait_until(lambda: not is_open(failed))
    bench.may_open.set()
    assert bench.next_line()[0].startswith('model first runs')
    assert running(supervisor) == 'first'
    assert supervisor.state.error == ''


@pytest.mark.parametrize('mistake', [ZeroDivisionError, EncodingError('a frame that cannot be converted')])
def test_what_is_not_the_backends_fault_costs_no_backend(bench: Bench, mistake: Exception) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    with pytest.raises((ZeroDivisionError, EncodingError)), supervisor.acquire():
        raise mistake
    assert running(supervisor) == 'first'


def test_whatever_a_library_raises_the_supervisor_goes_on(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    bench.next_line()
    supervisor.request('defect')
    line, bad = bench.next_line()
    assert bad
    assert line.startswith('a mistake in a library')
    assert (supervisor.state.phase, supervisor.state.error) == (Phase.RETAINING, 'a mistake in a library')
    supervisor.request('second')
    assert bench.next_line()[0].startswith('model second runs')


def test_whatever_a_library_raises_at_the_start_is_an_error_of_ours(bench: Bench) -> None:
    with pytest.raises(BackendError, match='a mistake in a library'):
        bench.supervisor().start('defect')


def test_a_log_that_raises_costs_no_more_than_its_lines(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What rclpy did under Python 3.10, where it refused the second severity of a call site."""

    def refuse(record: logging.LogRecord) -> None:
        raise ValueError('Logger severity cannot be changed between calls.')

    monkeypatch.setattr(bench.lines, 'emit', refuse)
    supervisor = bench.supervisor(retry_s=0.02)
    with pytest.raises(ModelError):
        supervisor.start('third')
    supervisor.request('first')
    wait_until(lambda: running(supervisor) == 'first')
    with pytest.raises(BackendError), supervisor.acquire():
        raise BackendError('one failed call')
    wait_until(lambda: running(supervisor) == 'first')
    assert 'severity' in capsys.readouterr().err


@pytest.mark.parametrize('start', [None, 'first', 'third'], ids=['before start', 'running', 'failed'])
def test_closing_ends_it_in_any_state(bench: Bench, start: str | None) -> None:
    supervisor = bench.supervisor()
    if start == 'third':
        with pytest.raises(ModelError):
            supervisor.start(start)
    elif start:
        supervisor.start(start)
    for _ in range(2):
        assert supervisor.close(LONG)
    assert running(supervisor) == ''
    assert supervisor.state.running == ''
    supervisor.request('second')
    assert running(supervisor) == ''


def test_closing_waits_for_a_model_that_is_being_loaded_but_not_for_ever(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    bench.may_open.clear()
    supervisor.request('second')
    assert [bench.opening.get(timeout=LONG) for _ in range(2)] == ['first', 'second']
    assert not supervisor.close(patience_s=0.01)
    bench.may_open.set()
    assert supervisor.close(LONG)
    assert supervisor.state.running == ''
    assert len(bench.opened) == 2  # the fixture sees to it that both are closed


def test_starting_ends_when_the_program_is_to_end(bench: Bench) -> None:
    supervisor = bench.supervisor()
    bench.may_open.clear()
    supervisor.start('first', is_stopping=lambda: not bench.opening.empty())
    assert supervisor.state.phase == Phase.OPENING


def hang(supervisor: Supervisor, may_return: threading.Event) -> tuple[Handle, threading.Thread]:
    """A frame that does not come back before it may, and its thread."""
    handles: queue.Queue[Handle] = queue.Queue()

    def restore() -> None:
        with supervisor.acquire() as handle:
            assert handle
            handles.put(handle)
            may_return.wait(LONG)

    thread = threading.Thread(target=restore, daemon=True)
    thread.start()
    return handles.get(timeout=LONG), thread


def test_hang_while_the_model_is_swapped(bench: Bench) -> None:
    """A frame hangs in the old backend, a new model is loaded meanwhile, only then the timekeeper acts."""
    supervisor = bench.supervisor(retry_s=0.02)
    supervisor.start('first')
    bench.next_line()
    may_return = threading.Event()
    handle, thread = hang(supervisor, may_return)
    supervisor.request('second')
    assert bench.next_line()[0].startswith('model second runs')
    assert supervisor.state == serving('second')
    supervisor.abandon(handle, 'no answer within 10 s')
    assert running(supervisor) == 'second'  # it has nothing to do with the hang
    assert supervisor.state == serving('second')
    assert len(bench.opened) == 2
    assert not supervisor.close(patience_s=0.01)  # returns, though the call hangs
    assert is_open(handle.backend)
    may_return.set()
    thread.join(LONG)
    assert supervisor.close(LONG)  # and the fixture sees to it that nothing stays open


def test_hung_backend_is_replaced_and_closed_when_it_comes_back(bench: Bench) -> None:
    supervisor = bench.supervisor(retry_s=0.02)
    supervisor.start('first')
    may_return = threading.Event()
    handle, thread = hang(supervisor, may_return)
    supervisor.abandon(handle, 'no answer within 10 s')
    assert supervisor.state.running == ''
    wait_until(lambda: running(supervisor) == 'first')
    assert is_open(handle.backend)
    may_return.set()
    thread.join(LONG)
    wait_until(lambda: not is_open(handle.backend))
    assert running(supervisor) == 'first'


def test_a_frame_that_has_just_come_back_abandons_nothing(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    with supervisor.acquire() as handle:
        assert handle
    with supervisor.acquire():  # another stream's frame
        supervisor.abandon(handle, 'too late')
    assert running(supervisor) == 'first'


def test_streams_that_wait_behind_a_hang_go_on_without_a_backend(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    may_return = threading.Event()
    handle, thread = hang(supervisor, may_return)
    seen: queue.Queue[str] = queue.Queue()
    waiting = threading.Thread(target=lambda: seen.put(running(supervisor)), daemon=True)
    waiting.start()
    supervisor.abandon(handle, 'no answer within 10 s')
    assert seen.get(timeout=LONG) == ''
    may_return.set()
    thread.join(LONG)


def test_streams_get_the_backend_in_the_order_they_ask(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    order: list[int] = []

    def restore(number: int) -> None:
        with supervisor.acquire():
            order.append(number)

    threads = [threading.Thread(target=restore, args=(number,), daemon=True) for number in range(5)]
    with supervisor.acquire():
        for number, thread in enumerate(threads, start=2):
            thread.start()
            wait_until(lambda number=number: len(supervisor._waiting) == number - 1)
    for thread in threads:
        thread.join(LONG)
    assert order == sorted(order)


def test_frames_and_swaps_cross_without_a_closed_backend(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start('first')
    done = threading.Event()
    seen: set[str] = set()
    faults: list[Exception] = []

    def restore_frames() -> None:
        while not done.is_set():
            try:
                with supervisor.acquire() as handle:
                    assert handle is not None
                    handle.backend.restore(BATCH)
                    seen.add(handle.backend.model.card.name)
            except Exception as error:
                faults.append(error)
                return

    frames = [threading.Thread(target=restore_frames) for _ in range(2)]
    for thread in frames:
        thread.start()
    bench.next_line()
    for name in ['second', 'first'] * 5:
        supervisor.request(name)
        assert bench.next_line()[0].startswith(f'model {name} runs')
    done.set()
    for thread in frames:
        thread.join()
    assert not faults
    assert seen <= {'first', 'second'}


def test_no_thread_to_be_had_costs_an_attempt_and_no_more(bench: Bench) -> None:
    refusals = [RuntimeError("can't start new thread")] * 2

    def start_thread(name: str, function: Callable[[], None]) -> None:
        if refusals:
            raise refusals.pop()
        threading.Thread(target=function, name=name, daemon=True).start()

    supervisor = Supervisor([Candidate('only', bench.open)], 0.02, start_thread=start_thread)
    bench.supervisors.append(supervisor)
    with pytest.raises(BackendError, match='start new thread'):
        supervisor.start('first')
    wait_until(lambda: running(supervisor) == 'first')
