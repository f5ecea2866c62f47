"""The soak's verdicts, each on a case that it has to find; and its table, from figures that are made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_clock import FakeClock

from dev.soak.watch import BLIND_S, SILENT_S, Sample, Watch, judge_growth, judge_journal

ROOT = Path(__file__).parents[2]
COUNTS = {'received': '3', 'restored': '1', 'passed_through': '1', 'dropped': '1', 'in_flight': '0'}
SENT = ((7, 8), (240, 320))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def watch(clock: FakeClock) -> Watch:
    return Watch(clock.now)


def test_frames_in_their_order_are_no_fault(watch: Watch) -> None:
    for life, number in ((1, 1), (1, 2), (1, 5), (2, 4), (2, 6)):
        watch.heard('raw', life, number, SENT, SENT)
    watch.heard('compressed', 2, 4, SENT, SENT)
    assert (watch.faults, watch.out) == ({}, 6)


@pytest.mark.parametrize('number', [4, 5], ids=['earlier', 'the same'])
def test_a_frame_that_goes_back_is_found(watch: Watch, number: int) -> None:
    watch.heard('raw', 1, 5, SENT, SENT)
    watch.heard('raw', 1, number, SENT, SENT)
    assert watch.faults == {'order': (1, f'frame {number} came out after frame 5')}


@pytest.mark.parametrize('got', [((7, 9), (240, 320)), ((7, 8), (240, 321))], ids=['stamp', 'size'])
def test_a_frame_that_is_not_as_it_was_sent_is_found(watch: Watch, got: tuple) -> None:
    watch.heard('raw', 1, 5, SENT, got)
    assert list(watch.faults) == ['identity']


def test_green_while_nothing_comes_out_is_found(watch: Watch, clock: FakeClock) -> None:
    watch.heard_anything()
    clock.advance(BLIND_S)
    watch.diagnosed(0, 'restoring', COUNTS)
    assert not watch.faults
    clock.advance(1.0)
    watch.diagnosed(0, 'restoring', COUNTS)
    watch.diagnosed(0, 'restoring', COUNTS)
    assert watch.faults == {'green while blind': (2, 'OK (restoring) for 11 s, and nothing out')}
    watch.diagnosed(1, 'nothing in', COUNTS)
    watch.diagnosed(0, 'restoring', COUNTS)
    assert watch.faults['green while blind'][0] == 2


@pytest.mark.parametrize('is_listening', [True, False])
def test_who_is_inactive_or_unheard_may_be_green(watch: Watch, clock: FakeClock, is_listening: bool) -> None:
    watch.is_listening = is_listening
    clock.advance(BLIND_S + 1)
    watch.diagnosed(0, 'inactive' if is_listening else 'restoring', COUNTS)
    watch.is_listening = True
    clock.advance(1.0)
    watch.diagnosed(0, 'restoring', COUNTS)
    assert not watch.faults


def test_counters_that_do_not_add_up_are_found(watch: Watch) -> None:
    watch.diagnosed(0, 'restoring', COUNTS | {'dropped': '0'})
    assert watch.faults == {'accounting': (1, '3 received, 2 accounted for')}


def test_diagnostics_that_stay_away_are_found(watch: Watch, clock: FakeClock) -> None:
    watch.look()
    assert not watch.faults
    clock.advance(SILENT_S)
    watch.look()
    assert list(watch.faults) == ['diagnostics']


def journal(*outcomes: str, **summary: int) -> list[str]:
    counts = {'received': 3, 'restored': 1, 'passed_through': 1, 'dropped': 1, 'in_flight': 0} | summary
    return [json.dumps({'outcome': one}) for one in outcomes] + [json.dumps({'summary': counts})]


def test_a_journal_that_adds_up(watch: Watch) -> None:
    lines = journal('restored', 'dropped', 'passed_through')
    again = journal('restored', received=4, restored=2)
    assert judge_journal(lines + again, watch)['received'] == 4
    assert not watch.faults


@pytest.mark.parametrize(
    'lines',
    [
        [],
        journal('restored', 'dropped'),
        journal('restored', 'dropped', 'passed_through', received=4),
        journal('restored', 'dropped', 'passed_through', in_flight=1, received=4),
        journal('restored', 'dropped', 'passed_through') + journal('restored'),
    ],
    ids=['none', 'a line is missing', 'a frame without outcome', 'in flight', 'the second summary'],
)
def test_a_journal_that_does_not_add_up_is_found(watch: Watch, lines: list[str]) -> None:
    judge_journal(lines, watch)
    assert set(watch.faults) == {'journal'}


def quiet(*rss_mib: float, threads: int = 20, files: int = 60) -> list[Sample]:
    """Samples an hour apart; threads and files are those of the last."""
    taken = [Sample(3600.0 * hour, mib, 20, 60) for hour, mib in enumerate(rss_mib)]
    return [*taken[:-1], taken[-1]._replace(threads=threads, files=files)]


def test_growth_is_told_from_a_start(watch: Watch) -> None:
    taken = quiet(150.0, 250.0, 260.0, 270.0, threads=22)
    figures = judge_growth([*taken, Sample(9.0, 800.0, 25, 61)], taken, watch)
    assert not watch.faults
    assert figures == {
        'rss_mib': [150.0, 250.0, 260.0, 270.0],
        'rss_mib_per_h': 10.0,
        'rss_mib_most': 800.0,
        'threads': [20, 20, 20, 22],
        'threads_most': 25,
        'files': [60, 60, 60, 60],
        'files_most': 61,
    }


@pytest.mark.parametrize(
    ('taken', 'line'),
    [
        (quiet(150.0, 240.0, 250.0, 301.0), 'rss_mib grew from 250 to 301 and were 301 at most'),
        (quiet(150.0, 150.0, threads=23), 'threads grew from 20 to 23 and were 23 at most'),
        (quiet(150.0, 150.0, files=69), 'files grew from 60 to 69 and were 69 at most'),
    ],
)
def test_what_is_not_given_back_is_found(watch: Watch, taken: list[Sample], line: str) -> None:
    judge_growth(taken, taken, watch)
    assert watch.faults == {'growth': (1, line)}


def test_the_table_and_the_verdict(tmp_path: Path) -> None:
    watch = Watch()
    node = {
        'acts': {'bypass': 2, 'reload_model': 3},
        'sent': 500,
        'frames': {'received': 490, 'restored': 400, 'passed_through': 50, 'dropped': 40},
        'growth': judge_growth(quiet(150.0, 200.0), quiet(150.0, 200.0), watch),
        'faults': {},
    }
    report = {'rmw_implementation': 'rmw_fastrtps_cpp', 'seed': 4, 'minutes': 1.5, 'nodes': {'front': node}}
    file = tmp_path / 'report.json'

    def ended() -> subprocess.CompletedProcess[str]:
        file.write_text(json.dumps(report))
        command = [sys.executable, '-m', 'dev.soak.report', str(file)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    sound = ended()
    assert sound.returncode == 0
    row = 'fastrtps | 4 | front | 1.5 | 5 | 500 | 490 | 400 | 50 | 40'
    held = '150 200 (200) | 20 20 (20) | 60 60 (60) | none |'
    assert f'| {row} | {held}' in sound.stdout
    node['faults'] = {'order': {'count': 3, 'first': 'frame 4 came out after frame 5'}}
    faulty = ended()
    assert faulty.returncode == 1
    assert 'front: order, 3 times, first: frame 4 came out after frame 5' in faulty.stdout
