"""The supervisor under every order of events that hypothesis can think of, and the picture drawn of it.

Backends raise, hang, come back late and are swapped; openings and closings take as long as they like. Time is
a number, threads are functions that nobody has called yet: what happens is what the test lets happen.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_clock import FakeClock

from restore_node.backends.base import Candidate
from restore_node.common.errors import (
    BackendError,
    EngineError,
    EngineMissingError,
    UnavailableError,
)
from restore_node.runtime.supervision import MAX_IMPROVE_S, Phase, Supervision
from restore_node.runtime.supervisor import Handle, Supervisor

pytest.importorskip('hypothesis', reason='hypothesis is not installed')
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

ARCHITECTURE = Path(__file__).resolve().parents[2] / 'docs' / 'architecture.md'
RETRY_S, PATIENCE_S = 5.0, 60.0
CHAIN = {'engine': True, 'cuda': True, 'cpu': False}
MODELS = strategies.sampled_from(['A', 'B', 'C'])
LATE_ERRORS = [None, BackendError('late'), KeyError('late')]
NAMES = strategies.sampled_from(list(CHAIN))

#: Every change of phase that any example has met, with the event that led to it.
seen: set[tuple[str, str, str]] = set()


class FakeBackend:
    """A backend that knows whether it is open, and in how many hands it is."""

    def __init__(self, candidate: str, model: str) -> None:
        self.name, self.device = candidate, 'here'
        self.model = SimpleNamespace(card=SimpleNamespace(name=model))
        self.is_open, self.users, self.closings = True, 0, 0

    def close(self) -> None:
        assert self.users == 0, 'closed in the midst of a frame'
        self.is_open = False
        self.closings += 1


class FakeBuild:
    """A build whose end the test decides."""

    def __init__(self, on_end: Callable[[str], None]) -> None:
        self.on_end, self.is_cancelled = on_end, False

    def progress(self) -> str:
        return '1 %'

    def cancel(self) -> None:
        self.is_cancelled = True


class WouldWaitError(Exception):
    """Somebody would wait for the backend, which a test of one thread must not."""


def would_wait(timeout: float | None = None) -> bool:
    raise WouldWaitError


class Frame:
    """A frame in a backend's hands."""

    def __init__(self, lent: AbstractContextManager[Handle | None], handle: Handle, hangs: bool) -> None:
        self._lent, self.handle, self.hangs = lent, handle, hangs
        self.backend: Any = handle.backend
        assert self.backend.is_open, 'a closed backend was handed out'
        assert self.backend.users == 0, 'two owners'
        self.backend.users += 1

    def end(self, error: Exception | None = None) -> None:
        self.backend.users -= 1
        if error is None:
            self._lent.__exit__(None, None, None)
        else:
            assert not self._lent.__exit__(type(error), error, None)


class World(RuleBasedStateMachine):
    """Everything around the supervisor: libraries, cameras, an operator, the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.threads: dict[int, tuple[str, Callable[[], None]]] = {}
        self.numbers = count()
        self.faults: dict[str, Exception] = {}
        self.backends: list[FakeBackend] = []
        self.frames: list[Frame] = []
        self.builds: list[FakeBuild] = []
        self.is_closed = False
        self.decides_at_once = self.threads_return_at_once = True
        self.supervisor = Supervisor(
            [Candidate(name, self.opener(name), on_gpu) for name, on_gpu in CHAIN.items()],
            RETRY_S,
            self.start_build,
            patience_s=PATIENCE_S,
            clock=self.clock,
            start_thread=self.start_thread,
        )
        self.supervisor._changed.wait = would_wait  # type: ignore[method-assign, assignment]

    # What the supervisor is given.

    def opener(self, name: str) -> Callable[[str], Any]:
        def open_candidate(model: str) -> FakeBackend:
            if name in self.faults:
                raise self.faults[name]
            self.backends.append(FakeBackend(name, model))
            return self.backends[-1]

        return open_candidate

    def start_thread(self, name: str, function: Callable[[], None]) -> None:
        self.threads[next(self.numbers)] = (name, function)

    def start_build(self, error: EngineMissingError, on_end: Callable[[str], None]) -> FakeBuild:
        self.builds.append(FakeBuild(on_end))
        return self.builds[-1]

    @property
    def supervision(self) -> Supervision:
        return self.supervisor._supervision

    def decide(self) -> None:
        """Let the deciding thread deal with all there is."""
        before = self.supervision.phase
        for _ in range(1000):
            is_due = self.clock.now() >= self.supervision.due()
            event = 'TimePassed' if is_due else type(next(iter(self.supervisor._events), None)).__name__
            if not self.supervisor.step():
                return
            phase = self.supervision.phase
            if phase is not before:
                seen.add((before.value, event, phase.value))
            before = phase
        raise AssertionError('it decides without end')

    def run_thread(self, number: int) -> None:
        self.threads.pop(number)[1]()

    def take(self, hangs: bool) -> Frame | None:
        """Ask for the backend; None where there is none, or where another frame has it."""
        lent = self.supervisor.acquire()
        try:
            handle = lent.__enter__()
        except WouldWaitError:
            assert any(frame.backend is self.supervision.serving.backend for frame in self.frames)
            return None
        if handle is None:
            lent.__exit__(None, None, None)
            return None
        return Frame(lent, handle, hangs)

    # What happens.

    @initialize(model=MODELS | strategies.none())
    def first_request(self, model: str | None) -> None:
        if model:
            self.supervisor.request(model)

    @rule(model=MODELS)
    def request(self, model: str) -> None:
        self.supervisor.request(model)

    @rule(at_once=strategies.booleans())
    def let_the_deciding_thread_lag(self, at_once: bool) -> None:
        self.decides_at_once = at_once

    @rule(at_once=strategies.booleans())
    def let_libraries_hang(self, at_once: bool) -> None:
        self.threads_return_at_once = at_once

    @precondition(lambda self: not self.decides_at_once)
    @rule()
    def decide_now(self) -> None:
        self.decide()

    @precondition(lambda self: self.threads)
    @rule(data=strategies.data())
    def a_library_comes_back(self, data: strategies.DataObject) -> None:
        """One of the openings and closings under way; the others hang on."""
        self.run_thread(data.draw(strategies.sampled_from(sorted(self.threads))))

    @rule(name=NAMES, kind=strategies.sampled_from([BackendError, UnavailableError, EngineError, KeyError]))
    def break_candidate(self, name: str, kind: type[Exception]) -> None:
        self.faults[name] = kind('broken')

    @rule(name=NAMES)
    def mend_candidate(self, name: str) -> None:
        self.faults.pop(name, None)

    @rule()
    def restore_well(self) -> None:
        if frame := self.take(hangs=False):
            frame.end()

    @rule(sticky=strategies.booleans())
    def restore_and_fail(self, sticky: bool) -> None:
        if frame := self.take(hangs=False):
            error = EngineError('illegal address')
            error.sticky = sticky and frame.backend.name != 'cpu'
            frame.end(error)

    @rule()
    def miss_an_engine(self) -> None:
        if (frame := self.take(hangs=False)) and frame.backend.name != 'engine':
            frame.end()
        elif frame:
            frame.end(EngineMissingError('no engine'))

    @rule()
    def start_a_slow_frame(self) -> None:
        if frame := self.take(hangs=True):
            self.frames.append(frame)

    @precondition(lambda self: self.frames)
    @rule(data=strategies.data())
    def timekeeper_gives_up(self, data: strategies.DataObject) -> None:
        frame = data.draw(strategies.sampled_from(self.frames))
        self.supervisor.abandon(frame.handle, 'no answer')

    @precondition(lambda self: self.frames)
    @rule(
        data=strategies.data(), error=strategies.sampled_from([None, BackendError('late'), KeyError('late')])
    )
    def a_slow_frame_comes_back(self, data: strategies.DataObject, error: Exception | None) -> None:
        frame = data.draw(strategies.sampled_from(self.frames))
        self.frames.remove(frame)
        frame.end(error)

    @rule(data=strategies.data())
    def abandon_a_frame_that_is_over(self, data: strategies.DataObject) -> None:
        if frame := self.take(hangs=False):
            frame.end()
            was_fit = frame.handle.instance.is_fit
            self.supervisor.abandon(frame.handle, 'too late')
            assert frame.handle.instance.is_fit == was_fit

    @precondition(lambda self: self.builds)
    @rule(data=strategies.data(), complaint=strategies.sampled_from(['', 'PSNR 12 dB']))
    def a_build_ends(self, data: strategies.DataObject, complaint: str) -> None:
        build = data.draw(strategies.sampled_from(self.builds))
        self.builds.remove(build)
        build.on_end(complaint)

    @rule(seconds=strategies.sampled_from([0.1, RETRY_S, PATIENCE_S, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: not self.is_closed)
    @rule(chance=strategies.integers(0, 9))
    def close(self, chance: int) -> None:
        if chance == 0:
            self.is_closed = True
            self.supervisor.close(patience_s=0.0)

    # What must hold.

    @invariant()
    def all_is_sound(self) -> None:
        if self.decides_at_once:
            self.decide()
            while self.threads_return_at_once and self.threads:
                for number in list(self.threads):
                    self.run_thread(number)
                self.decide()
        for backend in self.backends:
            assert backend.users <= backend.is_open
            assert backend.closings <= 1
        state = self.supervisor.state
        assert bool(state.running) <= (state.phase in {Phase.SERVING, Phase.REPLACING, Phase.RETAINING})

    def settle(self) -> None:
        """Everything that hangs comes back, and time passes."""
        for _ in range(20):
            self.decide()
            while self.frames:
                self.frames.pop().end()
            for build in [build for build in self.builds if build.is_cancelled or self.is_closed]:
                self.builds.remove(build)
                build.on_end('cancelled')
            for number in list(self.threads):
                self.run_thread(number)
            self.decide()
            if not self.threads and not self.supervisor._events:
                self.clock.advance(MAX_IMPROVE_S)

    def teardown(self) -> None:
        """Once something works again it restores, and in the end nothing is left open."""
        # Though all that hangs goes on hanging: the operator asks for a model that works.
        self.faults = {name: BackendError('not now') for name in ('engine', 'cuda')}
        if not self.is_closed:
            held = dict(self.threads)
            self.supervisor.request('well')
            for _ in range(20):
                self.decide()
                self.clock.advance(PATIENCE_S)
                self.decide()
                for number in [number for number in self.threads if number not in held]:
                    self.run_thread(number)
            self.decide()
            assert self.supervisor.state.running == 'well', 'stuck'
        self.faults = {}
        self.settle()
        if not self.is_closed:
            state = self.supervisor.state
            assert (state.phase, state.running) == (Phase.SERVING, 'well'), 'stuck'
            if not state.restart:
                assert state.backend == 'engine', 'not back on the best'
            self.supervisor.close(patience_s=0.0)
            self.is_closed = True
            self.settle()
        assert not self.supervisor.state.running
        assert self.supervision.is_over, 'something is outstanding'
        assert not [backend.name for backend in self.backends if backend.is_open], 'a leak'


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """A thousand examples have much to say."""
    log = logging.getLogger('restore_node.runtime.commands')
    log.disabled = True
    yield
    log.disabled = False


TestSupervision = World.TestCase
TestSupervision.settings = settings(
    max_examples=1000,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def restoring(phase: Phase) -> World:
    """A world in one of the phases in which frames are restored, its engine under construction."""
    world = World()
    world.supervisor.request('A')
    world.all_is_sound()
    if frame := world.take(hangs=False):
        frame.end(EngineMissingError('no engine'))
    world.all_is_sound()
    if phase is Phase.RETAINING:
        world.faults = {name: BackendError('no such model') for name in CHAIN}
    world.threads_return_at_once = phase is not Phase.REPLACING
    if phase is not Phase.SERVING:
        world.supervisor.request('B')
    world.all_is_sound()
    assert world.supervision.phase is phase
    return world


@pytest.mark.parametrize('event', ['Failed', 'Hung', 'BuildEnded', 'Shutdown'])
@pytest.mark.parametrize(
    'phase', [Phase.SERVING, Phase.REPLACING, Phase.RETAINING], ids=lambda phase: phase.value
)
def test_what_ends_the_backend_that_restores(phase: Phase, event: str) -> None:
    world = restoring(phase)
    world.threads_return_at_once = False
    if event == 'BuildEnded':
        world.builds[0].on_end('PSNR 12 dB')
    elif event == 'Shutdown':
        world.supervisor.close(patience_s=0.0)
    elif frame := world.take(hangs=False):
        if event == 'Hung':
            world.supervisor.abandon(frame.handle, 'no answer')
        else:
            frame.end(BackendError('a failed call'))
    world.all_is_sound()
    nothing_serves = {
        # Another candidate is opened at once, the same one after a while.
        Phase.SERVING: Phase.WAITING if event == 'Failed' else Phase.OPENING,
        Phase.REPLACING: Phase.OPENING,
        Phase.RETAINING: Phase.WAITING,
    }
    assert world.supervision.phase is (Phase.CLOSED if event == 'Shutdown' else nothing_serves[phase])
    if event == 'BuildEnded':
        world.faults = {}
        world.settle()
        state = world.supervisor.state
        # The engine of A cannot be built, which says nothing about B's.
        wanted = ('A', 'cuda') if phase is Phase.SERVING else ('B', 'engine')
        assert (state.running, state.backend) == wanted


def lets_all_openings_hang(world: World) -> None:
    """No candidate of the chain is open in time."""
    for _ in CHAIN:
        world.clock.advance(PATIENCE_S)
        world.decide()


@pytest.mark.parametrize('event', ['Opened', 'Requested', 'TimePassed'])
@pytest.mark.parametrize('has_earlier', [False, True], ids=['nothing before', 'an earlier model'])
def test_what_follows_when_no_opening_comes_back_in_time(has_earlier: bool, event: str) -> None:
    world = restoring(Phase.REPLACING) if has_earlier else World()
    world.threads_return_at_once = False
    if not has_earlier:
        world.supervisor.request('B')
        world.decide()
    lets_all_openings_hang(world)
    assert world.supervision.phase is (Phase.RETAINING if has_earlier else Phase.WAITING)
    if event == 'Opened':
        world.run_thread(max(world.threads))  # late, and taken all the same
    elif event == 'Requested':
        world.supervisor.request('C')
    else:
        world.faults['cpu'] = BackendError('broken')
        world.run_thread(max(world.threads))  # late, and in vain; the others hang on and are not tried again
        world.decide()
        world.clock.advance(RETRY_S)
    world.decide()
    trying = Phase.REPLACING if has_earlier else Phase.OPENING
    assert world.supervision.phase is (Phase.SERVING if event == 'Opened' else trying)


@pytest.mark.parametrize('phase', [Phase.IDLE, Phase.OPENING, Phase.WAITING], ids=lambda phase: phase.value)
def test_it_can_be_closed_before_anything_works(phase: Phase) -> None:
    world = World()
    world.threads_return_at_once = phase is not Phase.OPENING
    world.faults = {name: BackendError('broken') for name in CHAIN}
    if phase is not Phase.IDLE:
        world.supervisor.request('A')
    world.all_is_sound()
    assert world.supervision.phase is phase
    world.supervisor.close(patience_s=0.0)
    world.is_closed = True
    world.settle()
    assert world.supervision.is_over


def test_the_picture_of_the_phases_is_true() -> None:
    """Every change of phase that occurred is drawn in docs/architecture.md, and every one drawn occurred."""
    if not seen:
        pytest.skip('the test above has not run')
    drawn = set()
    (picture,) = re.findall(r'```mermaid\nstateDiagram-v2\n(.*?)```', ARCHITECTURE.read_text(), flags=re.S)
    for before, after, names in re.findall(r'(\w+) --> (\w+): (.*)', picture):
        drawn |= {(before, event, after) for event in names.split(', ')}
    assert drawn == seen
