"""The keeper on a ladder: it takes the highest rung that holds, and goes down where one breaks for good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restore_node.backends.base import Backend
from restore_node.backends.fallback import Rung
from restore_node.backends.registry import create_backend
from restore_node.common.errors import (
    BackendError,
    EngineError,
    EngineMissingError,
    ModelError,
    RestoreError,
    UnavailableError,
)
from restore_node.model import load_model
from restore_node.runtime.supervisor import BackendKeeper

SOON = 5.0


class Bench:
    """A ladder of three rungs, each of which can be told to fail, and what the keeper logged."""

    def __init__(self, model: Path) -> None:
        self.model = str(model)
        self.faults: dict[str, RestoreError] = {}
        self.builds: list[FakeBuild] = []
        self.news = threading.Condition()
        self.lines: list[str] = []
        names = {'engine': True, 'cuda': True, 'cpu': False}
        self.keeper = BackendKeeper(
            [Rung(name, self.opener(name), on_gpu) for name, on_gpu in names.items()],
            retry_s=0.01,
            log=self.log,
            start_build=self.build,
        )

    def opener(self, rung: str) -> Callable[[str], Backend]:
        def open_rung(model: str) -> Backend:
            if rung in self.faults:
                raise self.faults[rung]
            backend = create_backend('passthrough', load_model(model))
            backend.open()
            backend.name = rung  # type: ignore[misc]  # so that the state tells the rungs apart
            return backend

        return open_rung

    def log(self, line: str, bad: bool) -> None:
        with self.news:
            self.lines.append(line)
            self.news.notify_all()

    def build(self, error: EngineMissingError, on_end: Callable[[str], None]) -> FakeBuild:
        self.builds.append(FakeBuild(error, on_end))
        return self.builds[-1]

    def fail(self, error: RestoreError) -> None:
        with pytest.raises(type(error)), self.keeper.borrow():
            raise error

    def wait_for_backend(self, name: str) -> None:
        with self.news:
            assert self.news.wait_for(lambda: self.keeper.state.backend == name, SOON), self.keeper.state


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
        thread.join(SOON)
        assert not thread.is_alive()


@pytest.fixture
def bench(make_model: Callable[..., Path]) -> Iterator[Bench]:
    bench = Bench(make_model())
    yield bench
    bench.keeper.close()


def test_the_highest_rung_is_taken(bench: Bench) -> None:
    bench.keeper.start(bench.model)
    assert bench.keeper.state.backend == 'engine'
    assert not bench.keeper.state.degraded


def test_what_a_machine_does_not_have_is_no_complaint(bench: Bench) -> None:
    bench.faults['engine'] = bench.faults['cuda'] = UnavailableError('no GPU')
    bench.keeper.start(bench.model)
    assert bench.keeper.state.backend == 'cpu'
    assert not bench.keeper.state.degraded


def test_what_should_work_and_does_not_is_named(bench: Bench) -> None:
    bench.faults['engine'] = EngineError('GPU memory is full')
    bench.keeper.start(bench.model)
    assert bench.keeper.state.backend == 'cuda'
    assert bench.keeper.state.degraded == 'engine: GPU memory is full'


def test_no_rung_holds(bench: Bench) -> None:
    bench.faults = {
        'engine': UnavailableError('no TensorRT'),
        'cuda': EngineError('broken CUDA'),
        'cpu': BackendError('no memory'),
    }
    with pytest.raises(BackendError, match='cuda: broken CUDA; cpu: no memory; no TensorRT'):
        bench.keeper.start(bench.model)


def test_what_is_no_model_is_said_once(bench: Bench) -> None:
    for rung in ('engine', 'cuda', 'cpu'):
        bench.faults[rung] = ModelError('not a model')
    with pytest.raises(ModelError, match=r'^not a model$'):
        bench.keeper.start(bench.model)


def test_a_rung_that_cannot_run_this_model_is_passed(bench: Bench) -> None:
    bench.faults['engine'] = ModelError('no fp16 graph')
    bench.keeper.start(bench.model)
    assert bench.keeper.state.backend == 'cuda'
    assert 'no fp16 graph' in bench.keeper.state.degraded


def test_a_lost_gpu_is_never_touched_again(bench: Bench) -> None:
    bench.keeper.start(bench.model)
    lost = EngineError('illegal address')
    lost.sticky = True
    bench.fail(lost)
    bench.wait_for_backend('cpu')
    assert bench.keeper.state.restart == 'illegal address'
    bench.fail(BackendError('a hiccup'))  # whatever comes later, the GPU stays lost
    with bench.news:
        opened = 'model plus-ten runs on cpu (none)'
        assert bench.news.wait_for(lambda: bench.lines.count(opened) == 2, SOON)
    assert bench.keeper.state.backend == 'cpu'


def test_a_passing_failure_leads_back_to_the_same_rung(bench: Bench) -> None:
    bench.keeper.start(bench.model)
    bench.fail(EngineError('out of memory'))
    bench.wait_for_backend('engine')


def test_a_missing_engine_is_built_once_and_found_by_its_backend(bench: Bench) -> None:
    bench.keeper.start(bench.model)
    for _ in range(3):
        bench.fail(EngineMissingError('no engine', spec='1x360x640'))
    (build,) = bench.builds
    assert build.spec == '1x360x640'
    assert bench.keeper.state.building == '42 %'
    assert bench.keeper.state.backend == 'engine'
    build.end('')
    assert bench.keeper.state.building == ''
    with bench.keeper.borrow() as backend:
        assert backend is not None
    bench.fail(EngineMissingError('no engine', spec='1x720x1280'))  # another camera size, another build
    assert len(bench.builds) == 2


def test_an_engine_that_cannot_be_built_leads_one_rung_down(bench: Bench) -> None:
    bench.keeper.start(bench.model)
    bench.fail(EngineMissingError('no engine', spec=None))
    bench.builds[0].end('PSNR 12 dB, wanted 40')
    bench.wait_for_backend('cuda')
    assert 'PSNR 12 dB' in bench.keeper.state.degraded
    bench.keeper.request(bench.model)  # a model asked for anew gets a new chance
    bench.wait_for_backend('engine')


def test_a_build_under_way_is_cancelled_at_the_end(bench: Bench) -> None:
    bench.keeper.start(bench.model)
    bench.fail(EngineMissingError('no engine', spec=None))
    bench.keeper.close()
    assert bench.builds[0].cancelled
    bench.builds[0].end('ended by signal 15')  # too late to matter


def test_a_backend_that_hangs_is_left_behind(bench: Bench) -> None:
    bench.keeper.start(bench.model)
    hanging, released = threading.Event(), threading.Event()

    def hang() -> None:
        with bench.keeper.borrow():
            hanging.set()
            released.wait(SOON)

    thread = threading.Thread(target=hang)
    thread.start()
    assert hanging.wait(SOON)
    bench.keeper.abandon('no answer for 10 s')
    bench.wait_for_backend('cuda')
    assert 'no answer' in bench.keeper.state.degraded
    released.set()
    thread.join(SOON)
    assert bench.keeper.state.backend == 'cuda'
