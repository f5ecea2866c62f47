"""Health: what is said of a camera, from what goes in and what comes out, by a clock that tests advance."""

from __future__ import annotations

from collections import Counter

import pytest
from fake_clock import FakeClock

from restore_node.runtime.counters import FrameCounters, Outcome, Reason
from restore_node.runtime.health import (
    ADVICE,
    QUIET_S,
    SILENCE_S,
    Health,
    Level,
    Notice,
    Observation,
    Peers,
    judge_backend,
)
from restore_node.runtime.supervisor import SupervisorState

YEAR_S = 365 * 86400.0
ONE_OF_EACH = Peers(publishers=1, listeners=1)


class Camera:
    """A camera of ten frames a second, looked at once a second."""

    def __init__(self) -> None:
        self.clock, self.counters = FakeClock(), FrameCounters()
        self.health = Health('/image_raw', '/image_restored', self.clock)
        self.notices: list[Notice] = []
        self.lost = 0
        self.logged: list[Notice] = []

    def run(
        self,
        seconds: int,
        *outcomes: tuple[Outcome, Reason],
        peers: Peers = ONE_OF_EACH,
        age_s: float | None = 0.01,
        clock_ns: int | None = None,
        detail: str = '',
        lost: int = 0,
    ) -> list[Notice]:
        """Ten frames a second meet these outcomes in turn (none: no frames come); the last notices."""
        for _ in range(seconds):
            self.lost += lost
            for index in range(10 if outcomes else 0):
                pending = self.counters.receive('/image_raw', 1)
                self.counters.finish(pending, *outcomes[index % len(outcomes)])
            self.clock.advance(1.0)
            self.notices = self.health.look(
                Observation(self.counters.counts(), peers, clock_ns, age_s, detail, self.lost)
            )
            self.logged += self.health.news(self.notices)
        return self.notices

    def line(self) -> str:
        return self.notices[0].line

    def level(self) -> Level:
        return self.notices[0].level if self.notices else Level.OK


RESTORED = Outcome.RESTORED, Reason.RESTORED
GATE = Outcome.PASSED_THROUGH, Reason.GATE
STALE = Outcome.DROPPED, Reason.STALE
SUPERSEDED = Outcome.DROPPED, Reason.SUPERSEDED
UNWATCHED = Outcome.DROPPED, Reason.UNWATCHED
MALFORMED = Outcome.DROPPED, Reason.MALFORMED


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.mark.parametrize(
    'outcomes',
    [[RESTORED], [GATE], [RESTORED, GATE, SUPERSEDED], [RESTORED, *[SUPERSEDED] * 4], [UNWATCHED]],
)
def test_all_is_well(camera: Camera, outcomes: list[tuple[Outcome, Reason]]) -> None:
    """Overload and a detector that is not there are no faults of this camera."""
    assert not camera.run(60, *outcomes)
    assert not camera.logged


def test_rates_are_those_of_the_last_seconds(camera: Camera) -> None:
    camera.run(20, RESTORED, SUPERSEDED)
    assert (camera.health.rate_in, camera.health.rate_out) == pytest.approx((10.0, 5.0))
    camera.run(20)
    assert (camera.health.rate_in, camera.health.rate_out) == (0.0, 0.0)


def test_stamps_of_another_time_are_named(camera: Camera) -> None:
    camera.run(10, STALE, age_s=YEAR_S)
    assert camera.level() is Level.ERROR
    assert camera.line() == (
        'in, but nothing out for 8 s: 100 % stale, stamps are 31536000 s behind this clock: use_sim_time?'
    )


def test_a_camera_clock_that_is_late_is_no_question_of_simulated_time(camera: Camera) -> None:
    camera.run(10, STALE, age_s=0.6)
    assert camera.line().endswith('100 % stale, stamps are 0.6 s behind this clock')


def test_reasons_are_named_by_their_share(camera: Camera) -> None:
    camera.run(10, STALE, MALFORMED, STALE, STALE, age_s=2.0)
    assert '70 % stale, 30 % malformed, stamps are 2.0 s behind this clock' in camera.line()


def test_malformed_frames_say_what_is_wrong_with_them(camera: Camera) -> None:
    camera.run(10, MALFORMED, detail='step: got 3, want 96')
    assert camera.line().endswith('100 % malformed, step: got 3, want 96')


def test_a_backend_that_takes_for_ever_is_seen_by_what_waits(camera: Camera) -> None:
    camera.run(10, SUPERSEDED)
    assert camera.level() is Level.ERROR
    assert '100 % superseded, the backend does not come to an end' in camera.line()


def test_a_moment_without_output_is_no_alarm(camera: Camera) -> None:
    camera.run(int(SILENCE_S) - 1, STALE)
    assert camera.level() is not Level.ERROR
    camera.run(1, RESTORED)
    camera.run(int(SILENCE_S) - 1, STALE)
    assert camera.level() is not Level.ERROR


def test_a_detector_that_comes_late_is_no_alarm(camera: Camera) -> None:
    camera.run(600, UNWATCHED)
    camera.run(1, SUPERSEDED)
    assert camera.level() is Level.OK


def test_some_losses_are_a_warning_that_passes(camera: Camera) -> None:
    camera.run(10, RESTORED, STALE, age_s=0.6)
    assert camera.level() is Level.WARN
    assert camera.line() == 'frames are lost: 50 % stale, stamps are 0.6 s behind this clock'


def test_images_that_the_transport_loses_are_a_warning_that_says_what_to_set(camera: Camera) -> None:
    camera.run(10, RESTORED, lost=1)
    assert camera.level() is Level.OK
    camera.run(10, RESTORED, lost=30)
    assert camera.level() is Level.WARN
    assert camera.line().startswith('75 % of the images are lost in transport: publish reliably, or give DDS')
    camera.run(10, RESTORED)
    assert camera.level() is Level.OK


@pytest.mark.parametrize('age_s', [0.01, -37.0, None])
def test_a_clock_that_was_set_right_is_not_blamed_for_what_was_stale(
    camera: Camera, age_s: float | None
) -> None:
    camera.run(2, STALE, age_s=YEAR_S)
    camera.run(1, RESTORED, age_s=age_s)
    assert 'frames are lost: 50 % stale' in [notice.line for notice in camera.notices]
    assert not camera.run(10, RESTORED)


@pytest.mark.parametrize(
    'reason', [Reason.ENCODING, Reason.FAILURE, Reason.DEADLINE], ids=lambda reason: reason.value
)
def test_frames_that_are_never_restored_are_a_warning(camera: Camera, reason: Reason) -> None:
    camera.run(10, (Outcome.PASSED_THROUGH, reason), detail='32FC1 is not read')
    assert camera.level() is Level.WARN
    assert camera.line() == f'frames pass through: 100 % {reason.value}, 32FC1 is not read'


@pytest.mark.parametrize(
    ('peers', 'level', 'line'),
    [
        (Peers(), Level.WARN, 'nobody publishes /image_raw'),
        (Peers(publishers=2), Level.ERROR, '2 publish /image_raw, and nothing arrives'),
        (
            Peers(publishers=1, is_best_effort=True),
            Level.ERROR,
            f'1 publish /image_raw, and nothing arrives, best effort: {ADVICE}',
        ),
        (Peers(strangers=('/cam sends CompressedImage',)), Level.ERROR, '/cam sends CompressedImage'),
        (Peers(unheard=('incompatible QoS: /cam',)), Level.ERROR, 'incompatible QoS: /cam'),
        (Peers(publishers=1, strangers=('x',)), Level.ERROR, '1 publish /image_raw, and nothing arrives'),
    ],
)
def test_no_input_says_why(camera: Camera, peers: Peers, level: Level, line: str) -> None:
    camera.run(int(SILENCE_S) - 1, peers=peers)
    assert 'nothing in' not in ''.join(one.line for one in camera.notices)
    camera.run(1, RESTORED, peers=peers)
    camera.run(7, peers=peers)
    assert camera.level() is level
    assert camera.line() == f'nothing in for 7 s: {line}'


@pytest.mark.parametrize(('listeners', 'level'), [(0, Level.ERROR), (1, Level.WARN)])
def test_a_detector_that_cannot_hear_is_named(camera: Camera, listeners: int, level: Level) -> None:
    peers = Peers(1, listeners, deaf=('incompatible QoS: /detector',))
    camera.run(5, UNWATCHED, peers=peers)
    assert camera.level() is level
    assert 'incompatible QoS: /detector' in camera.line()


@pytest.mark.parametrize(
    ('age_s', 'line'),
    [(-37.0, 'stamps are 37 s ahead of this clock'), (-0.5, '0.5 s ahead'), (None, 'stamps are zero')],
)
def test_stamps_that_tell_no_age_are_named(camera: Camera, age_s: float | None, line: str) -> None:
    camera.run(5, RESTORED, age_s=age_s)
    assert camera.level() is Level.WARN
    assert line in camera.line()


def test_a_simulated_clock_that_stands_or_never_came_is_named(camera: Camera) -> None:
    camera.run(10, RESTORED, clock_ns=5)
    assert camera.line() == 'the simulated clock has been standing for 9 s'
    camera.run(1, RESTORED, clock_ns=6)
    assert camera.level() is Level.OK
    camera.run(10, RESTORED, clock_ns=0)
    assert 'no time on /clock yet' in camera.line()


def test_the_worst_comes_first(camera: Camera) -> None:
    camera.run(10, STALE, age_s=-5.0, peers=Peers(1, 1, deaf=('d',)))
    levels = [one.level for one in camera.notices]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] is Level.ERROR


def test_each_kind_is_logged_once_and_again_after_a_while(camera: Camera) -> None:
    camera.run(int(QUIET_S) * 3, STALE, age_s=1.0)
    kinds = Counter(one.kind for one in camera.logged)
    assert kinds['no output'] == 3
    camera.run(10, RESTORED)
    camera.run(10, STALE, age_s=1.0)
    assert Counter(one.kind for one in camera.logged)['no output'] == 4


@pytest.mark.parametrize(
    ('state', 'level', 'line'),
    [
        ({'running': 'm', 'device': 'cpu'}, Level.OK, 'restoring with m on cpu'),
        ({'running': 'm', 'device': 'cpu', 'degraded': 'no engine'}, Level.WARN, 'no engine'),
        ({'running': 'm', 'building': '42 %'}, Level.WARN, 'building the engine, 42 %'),
        ({'error': 'no such file'}, Level.ERROR, 'frames pass through: no such file'),
        ({'wanted': 'm'}, Level.WARN, 'loading m'),
        ({'restart': 'the GPU is lost'}, Level.ERROR, 'restart this node'),
    ],
)
def test_the_backend_is_judged_by_its_state(state: dict[str, str], level: Level, line: str) -> None:
    found = judge_backend(SupervisorState(**state), False, 'passthrough')
    assert found.level is level
    assert line in found.line


def test_a_bypass_is_a_warning_and_drop_is_said() -> None:
    assert judge_backend(SupervisorState(running='m'), True, 'passthrough').level is Level.WARN
    assert 'frames are dropped' in judge_backend(SupervisorState(error='x'), False, 'drop').line


def test_a_peer_is_not_judged_while_it_is_being_discovered(camera: Camera) -> None:
    camera.run(5, UNWATCHED)
    assert not camera.run(1, UNWATCHED, peers=Peers(1, 0, deaf=('incompatible QoS',)))
    assert not camera.run(1, RESTORED)
    assert not camera.run(1, RESTORED, peers=Peers(1, 1, unheard=('incompatible QoS',)))


def test_a_deadline_that_leaves_no_time_says_how_old_frames_come(camera: Camera) -> None:
    camera.run(10, (Outcome.PASSED_THROUGH, Reason.DEADLINE), age_s=0.09)
    assert camera.line() == (
        'frames pass through: 100 % deadline, no time to restore them: they are 0.09 s old when they come'
    )


def test_a_cause_that_comes_later_is_logged_as_well() -> None:
    camera = Camera()
    camera.run(5, peers=Peers())
    camera.run(3, peers=Peers(unheard=('incompatible QoS: /bench is not heard',)))
    said = [notice.line.partition(': ')[2] for notice in camera.logged]
    assert said == ['nobody publishes /image_raw', 'incompatible QoS: /bench is not heard']
