"""The supervisor on a fallback chain: the best candidate that works, and the next where one breaks."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import LONG, wait_until

from restore_node.backends.base import Backend, Candidate
from restore_node.backends.registry import create_backend
from restore_node.common.errors import (
    BackendError,
    EngineError,
    EngineMissingError,
    ModelError,
    UnavailableError,
)
from restore_node.model import load_model
from restore_node.runtime.supervisor import Supervisor


class Bench:
    """A chain of three candidates, each of which can be told to fail."""

    def __init__(self, model: Path) -> None:
        self.model = str(model)
        self.faults: dict[str, Exception] = {}
        self.builds: list[FakeBuild] = []
        self.openings: list[str] = []
        names = {'engine': True, 'cuda': True, 'cpu': False}
        self.supervisor = Supervisor(
            [Candidate(name, self.opener(name), on_gpu) for name, on_gpu in names.items()],
            retry_s=0.01,
            start_build=lambda *about: self.start_build(*about),
        )

    def opener(self, candidate: str) -> Callable[[str], Backend]:
        def open_candidate(model: str) -> Backend:
            self.openings.append(candidate)
            if candidate in self.faults:
                raise self.faults[candidate]
            backend = create_backend('passthrough', load_model(model))
            backend.open()
            backend.name = candidate  # type: ignore[misc]  # so that the state tells the candidates apart
            return backend

        return open_candidate

    def start_build(self, error: EngineMissingError, on_end: Callable[[str], None]) -> FakeBuild:
        self.builds.append(FakeBuild(error, on_end))
        return self.builds[-1]

    def fail(self, error: Exception) -> None:
        with pytest.raises(type(error)), self.supervisor.acquire():
            raise error

    def wait_for_backend(self, name: str) -> None:
        wait_until(lambda: self.supervisor.state.backend == name, lambda: self.supervisor.state)

    def wait_for_builds(self, count: int) -> None:
        wait_until(lambda: len(self.builds) == count, lambda: self.builds)


class FakeBuild:
    """A build whose end the test decides."""

    def __init__(self, error: EngineMissingError, on_end: Callable[[str], None]) -> None:
        self.spec, self._on_end = error.spec, on_end
        self.cancelled = False

    def progress(self) -> str:
        return '42 %'

    def cancel(self) -> None:
        self.cancelled = True

    def end(self, complaint: str) -> None:
        thread = threading.Thread(target=self._on_end, args=(complaint,))
        thread.start()
        thread.join(LONG)
        assert not thread.is_alive()


@pytest.fixture
def bench(make_model: Callable[..., Path]) -> Iterator[Bench]:
    bench = Bench(make_model())
    yield bench
    bench.supervisor.close(patience_s=0.0)
    for build in bench.builds:
        build.end('the test is over')
    assert bench.supervisor.close(LONG)


def test_the_best_candidate_is_taken(bench: Bench) -> None:
    bench.supervisor.start(bench.model)
    assert bench.supervisor.state.backend == 'engine'
    assert not bench.supervisor.state.degraded


def test_what_a_machine_does_not_have_is_no_complaint(bench: Bench) -> None:
    bench.faults['engine'] = bench.faults['cuda'] = UnavailableError('no GPU')
    bench.supervisor.start(bench.model)
    assert bench.supervisor.state.backend == 'cpu'
    assert not bench.supervisor.state.degraded


def test_what_should_work_and_does_not_is_named(bench: Bench) -> None:
    bench.faults['engine'] = EngineError('GPU memory is full')
    bench.supervisor.start(bench.model)
    assert bench.supervisor.state.backend == 'cuda'
    assert bench.supervisor.state.degraded == 'engine: GPU memory is full'


def test_a_better_candidate_is_taken_again_once_it_works(bench: Bench) -> None:
    bench.faults['engine'] = EngineError('GPU memory is full')
    bench.supervisor.start(bench.model)
    assert bench.supervisor.state.backend == 'cuda'
    del bench.faults['engine']
    bench.wait_for_backend('engine')
    wait_until(lambda: not bench.supervisor.state.degraded)


def test_what_a_machine_does_not_have_is_not_tried_again(bench: Bench) -> None:
    bench.faults['engine'] = bench.faults['cuda'] = UnavailableError('no GPU')
    bench.supervisor.start(bench.model)
    assert bench.supervisor._supervision.due() == math.inf


def test_no_candidate_works(bench: Bench) -> None:
    bench.faults = {
        'engine': UnavailableError('no TensorRT'),
        'cuda': EngineError('broken CUDA'),
        'cpu': BackendError('no memory'),
    }
    with pytest.raises(BackendError, match='cuda: broken CUDA; cpu: no memory; no TensorRT'):
        bench.supervisor.start(bench.model)


def test_what_is_no_model_is_said_once(bench: Bench) -> None:
    for candidate in ('engine', 'cuda', 'cpu'):
        bench.faults[candidate] = ModelError('not a model')
    with pytest.raises(ModelError, match=r'^not a model$'):
        bench.supervisor.start(bench.model)


def test_a_candidate_that_cannot_run_this_model_is_passed(bench: Bench) -> None:
    bench.faults['engine'] = ModelError('no fp16 graph')
    bench.supervisor.start(bench.model)
    assert bench.supervisor.state.backend == 'cuda'
    assert 'no fp16 graph' in bench.supervisor.state.degraded


def test_a_lost_gpu_is_never_touched_again(bench: Bench) -> None:
    bench.supervisor.start(bench.model)
    lost = EngineError('illegal address')
    lost.sticky = True
    bench.fail(lost)
    bench.wait_for_backend('cpu')
    assert bench.supervisor.state.restart == 'illegal address'
    bench.fail(BackendError('a hiccup'))  # whatever comes later, the GPU stays lost
    bench.wait_for_backend('cpu')
    bench.supervisor.request(bench.model)
    wait_until(lambda: len(bench.openings) == 4, lambda: bench.openings)
    assert bench.openings == ['engine', 'cpu', 'cpu', 'cpu']


def test_a_passing_failure_leads_back_to_the_same_candidate(bench: Bench) -> None:
    bench.supervisor.start(bench.model)
    bench.fail(EngineError('out of memory'))
    bench.wait_for_backend('engine')


def test_a_missing_engine_is_built_once_and_found_by_its_backend(bench: Bench) -> None:
    bench.supervisor.start(bench.model)
    for _ in range(3):
        bench.fail(EngineMissingError('no engine', spec='1x360x640'))
    bench.wait_for_builds(1)
    (build,) = bench.builds
    assert build.spec == '1x360x640'
    wait_until(lambda: bench.supervisor.state.building == '42 %')
    assert bench.supervisor.state.backend == 'engine'
    build.end('')
    wait_until(lambda: bench.supervisor.state.building == '')
    with bench.supervisor.acquire() as handle:
        assert handle is not None
    bench.fail(EngineMissingError('no engine', spec='1x720x1280'))  # another camera size, another build
    bench.wait_for_builds(2)


def test_an_engine_that_cannot_be_built_leads_one_candidate_down(bench: Bench) -> None:
    bench.supervisor.start(bench.model)
    bench.fail(EngineMissingError('no engine', spec=None))
    bench.wait_for_builds(1)
    bench.builds[0].end('PSNR 12 dB, wanted 40')
    bench.wait_for_backend('cuda')
    assert 'PSNR 12 dB' in bench.supervisor.state.degraded
    bench.supervisor.request(bench.model)  # a model asked for anew gets a new chance
    bench.wait_for_backend('engine')


def test_a_build_under_way_is_cancelled_at_the_end(bench: Bench) -> None:
    bench.supervisor.start(bench.model)
    bench.fail(EngineMissingError('no engine', spec=None))
    bench.wait_for_builds(1)
    bench.supervisor.close(patience_s=0.0)
    wait_until(lambda: bench.builds[0].cancelled)
    bench.builds[0].end('ended by signal 15')
    assert bench.supervisor.close(LONG)


def test_a_failed_build_of_one_model_does_not_condemn_another(bench: Bench, make_model) -> None:
    """The engine of A is being built, B is asked for; B gets its own build, and A's failure is A's alone."""
    other = str(make_model(name='other'))
    bench.supervisor.start(bench.model)
    bench.fail(EngineMissingError('no engine for A', spec='A'))
    bench.wait_for_builds(1)
    bench.supervisor.request(other)
    wait_until(lambda: bench.supervisor.state.running == 'other')
    wait_until(lambda: bench.builds[0].cancelled)
    bench.fail(EngineMissingError('no engine for B', spec='B'))
    bench.wait_for_builds(2)  # though A's still runs
    assert bench.builds[1].spec == 'B'
    bench.builds[0].end('A failed its verification')
    bench.builds[1].end('')
    wait_until(lambda: not bench.supervisor.state.building)
    bench.fail(BackendError('B: one failed call'))
    bench.wait_for_backend('engine')
    assert not bench.supervisor.state.degraded


def test_a_build_that_cannot_be_started_leads_down(bench: Bench, monkeypatch) -> None:
    bench.supervisor.start(bench.model)

    def refuse(*_: object) -> None:
        raise OSError('no more processes')

    monkeypatch.setattr(bench, 'start_build', refuse)
    bench.fail(EngineMissingError('no engine', spec=None))
    bench.wait_for_backend('cuda')
    assert 'no more processes' in bench.supervisor.state.degraded


def test_a_foreign_exception_leads_down_as_well(bench: Bench) -> None:
    bench.faults['engine'] = RuntimeError('a library of another version')
    bench.supervisor.start(bench.model)
    assert bench.supervisor.state.backend == 'cuda'
    assert 'another version' in bench.supervisor.state.degraded


def test_a_backend_that_hangs_is_left_behind(bench: Bench) -> None:
    bench.supervisor.start(bench.model)
    hanging, released = threading.Event(), threading.Event()

    def hang() -> None:
        with bench.supervisor.acquire() as handle:
            bench.handle = handle
            hanging.set()
            released.wait(LONG)

    thread = threading.Thread(target=hang)
    thread.start()
    assert hanging.wait(LONG)
    bench.supervisor.abandon(bench.handle, 'no answer for 10 s')
    bench.wait_for_backend('cuda')
    assert 'no answer' in bench.supervisor.state.degraded
    released.set()
    thread.join(LONG)
    assert bench.supervisor.state.backend == 'cuda'
