"""The report's arithmetic by hand-computed cases, what it complains about, and the page."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('matplotlib', reason='matplotlib is not installed: no report')

from restore_node.common.errors import BagError, InputError, ReplayError
from restore_node.common.metrics import BeforeAfter
from restore_node.runtime.counters import FrameRecord, Outcome, Reason
from restore_node.tools.replay_test.accounting import make_report
from restore_node.tools.replay_test.page import page
from restore_node.tools.replay_test.pictures import before_after, detail
from restore_node.tools.replay_test.records import (
    Drive,
    Replay,
    Segment,
    open_drive,
    read_replay,
)
from restore_node.tools.replay_test.scoring import Example, choose_examples
from restore_node.tools.replay_test.timeline import timeline

FACTS = {
    'backend': 'onnxruntime',
    'provider': 'CPUExecutionProvider',
    'model': 'restore-lite',
    'ros_distro': 'jazzy',
    'rmw_implementation': 'rmw_fastrtps_cpp',
}
TOPIC = '/c/image_raw'
RESTORED = FrameRecord(TOPIC, 0, Outcome.RESTORED, Reason.RESTORED, 10.0)
PASSED = FrameRecord(TOPIC, 0, Outcome.PASSED_THROUGH, Reason.GATE, 2.0)
DROPPED = FrameRecord(TOPIC, 0, Outcome.DROPPED, Reason.SUPERSEDED, None)


def journal(*kinds: FrameRecord) -> list[FrameRecord]:
    """One after the other, with stamps 0, 1, 2, ..."""
    return [replace(kind, stamp_ns=stamp) for stamp, kind in enumerate(kinds)]


def replay(entries: list[FrameRecord], played: int | None = None, **summary: int) -> Replay:
    """A replay whose books agree, but for the given changes of the summary."""
    outcomes = {outcome.value: sum(entry.outcome is outcome for entry in entries) for outcome in Outcome}
    counts = {'received': len(entries), **outcomes, 'in_flight': 0, **summary}
    stamps = list(range(len(entries) if played is None else played))
    return Replay(stamps, 0.1 * (len(stamps) - 1), entries, counts, FACTS)


def published(found: Replay) -> list[int | None]:
    return [entry.stamp_ns for entry in found.journal if entry.outcome is not Outcome.DROPPED]


def test_every_frame_is_in_one_place():
    entries = journal(RESTORED, RESTORED, DROPPED, PASSED, RESTORED, DROPPED)
    entries[1] = replace(RESTORED, stamp_ns=1, latency_ms=20.0)
    found = replay(entries, played=8)
    report = make_report(found, published(found), {}, image_size=(640, 360))
    assert report['problems'] == []
    assert report['frames_played'] == 8
    assert report['frames_in'] == 6
    assert report['frames_lost_in_transport'] == 2
    assert (report['frames_restored'], report['frames_passed_through'], report['frames_dropped']) == (3, 1, 2)
    assert report['frames_lost_in_recording'] == 0
    # 8 frames, 0.7 s from first to last, so 0.8 s in all; 6 came in, 4 went out.
    assert report['fps_in'] == 7.5
    assert report['fps_out'] == 5.0
    # Of 2, 10, 10, 20 ms: the median 10; p95 at position 2.85 is 10 + 0.85 * 10, p99 at 2.97 10 + 0.97 * 10.
    assert report['latency_ms'] == {'p50': 10.0, 'p95': 18.5, 'p99': 19.7}
    assert report['image_size'] == [640, 360]
    assert report['provider'] == 'CPUExecutionProvider'
    assert report['psnr_restored_db'] is None
    assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize(
    ('found', 'recorded', 'problem'),
    [
        (replay(journal(RESTORED, RESTORED), received=3), [0, 1], 'received 3 frames, its journal has 2'),
        (replay(journal(RESTORED, RESTORED), in_flight=1), [0, 1], '1 frames were still in flight'),
        (replay(journal(RESTORED, DROPPED), restored=2), [0], 'summary has 2 frames restored, the journal 1'),
        (
            replay([*journal(RESTORED), RESTORED], played=2),
            [0, 0],
            'counted twice or never played: 1 frames (stamps 0)',
        ),
        (
            replay(journal(RESTORED, RESTORED), played=1),
            [0, 1],
            'counted twice or never played: 1 frames (stamps 1)',
        ),
        (replay(journal(RESTORED, DROPPED)), [0, 1], 'recorded but not in the journal: 1 frames (stamps 1)'),
        (replay(journal(DROPPED, DROPPED)), [], 'nothing that the node published was recorded'),
    ],
)
def test_wrong_books_are_named(found, recorded, problem):
    (line,) = make_report(found, recorded, {})['problems']
    assert problem in line


def test_a_malformed_frame_without_a_stamp_adds_up():
    entries = [*journal(RESTORED), FrameRecord(TOPIC, None, Outcome.DROPPED, Reason.MALFORMED, None)]
    found = Replay([0, None], 0.1, entries, replay(entries).summary, FACTS)
    assert make_report(found, [0], {})['problems'] == []


def test_what_the_recorder_missed_is_counted_apart():
    report = make_report(replay(journal(RESTORED, RESTORED, PASSED)), [0, 2], {})
    assert report['frames_lost_in_recording'] == 1
    assert report['problems'] == []


def test_means_are_over_the_same_frames_in_total_and_by_segment():
    entries = journal(RESTORED, DROPPED, RESTORED, PASSED)
    scores = {
        0: BeforeAfter(20.0, 24.0, 0.5, 0.7),
        2: BeforeAfter(22.0, 23.0, 0.6, 0.8),
        3: BeforeAfter(60.0, 60.0, 1.0, 1.0),
    }
    segments = [Segment('rain', (0, 1, 2)), Segment('clean', (3, 4)), Segment('fog', ())]
    report = make_report(replay(entries, played=5), [0, 2, 3], scores, segments)
    assert report['problems'] == []
    assert report['psnr_degraded_db'] == 34.0
    assert report['psnr_restored_db'] == pytest.approx(107 / 3, abs=1e-3)
    assert report['ssim_degraded'] == 0.7
    assert report['ssim_restored'] == pytest.approx(2.5 / 3, abs=1e-5)
    rain, clean, fog = report['segments']
    assert rain == {
        'name': 'rain',
        'frames': 3,
        'restored': 2,
        'passed_through': 0,
        'dropped': 1,
        'lost_in_transport': 0,
        'psnr_degraded_db': 21.0,
        'psnr_restored_db': 23.5,
        'ssim_degraded': 0.55,
        'ssim_restored': 0.75,
    }
    assert (clean['frames'], clean['passed_through'], clean['lost_in_transport']) == (2, 1, 1)
    assert fog['psnr_restored_db'] is None


@pytest.mark.parametrize('after', [20.0, 19.0])
def test_restored_must_be_better_than_degraded(after):
    (line,) = make_report(replay(journal(RESTORED)), [0], {0: BeforeAfter(20.0, after, 0.5, 0.9)})['problems']
    assert 'not better' in line


def write_records(folder: Path, journal: list[object], player: object) -> None:
    (folder / 'journal.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in journal))
    (folder / 'player.json').write_text(json.dumps(player))


def test_records_are_read_back(tmp_path):
    line = {
        'topic': TOPIC,
        'stamp_ns': 5,
        'outcome': 'dropped',
        'reason': 'stale',
        'latency_ms': None,
    }
    player = {'frames_played': 1, 'stamps_ns': [5], 'duration_s': 0.0, 'topic': TOPIC}
    write_records(tmp_path, [line, {'summary': {'received': 1}, **FACTS}], player)
    found = read_replay(tmp_path)
    assert found.journal == [FrameRecord(TOPIC, 5, Outcome.DROPPED, Reason.STALE, None)]
    assert (found.played_ns, found.summary, found.facts) == ([5], {'received': 1}, FACTS)

    write_records(tmp_path, [line], player)
    with pytest.raises(ReplayError, match='no summary'):
        read_replay(tmp_path)
    write_records(tmp_path, [line | {'outcome': 'eaten'}, {'summary': {}, **FACTS}], player)
    with pytest.raises(ReplayError, match='eaten'):
        read_replay(tmp_path)
    (tmp_path / 'player.json').unlink()
    with pytest.raises(ReplayError, match='cannot read'):
        read_replay(tmp_path)


def test_a_damaged_drive_is_refused(tmp_path):
    (tmp_path / 'drive.json').write_text('{"segments": 3}')
    with pytest.raises(InputError, match='is damaged'):
        open_drive(tmp_path)
    (tmp_path / 'drive.json').write_text('{"seg')
    with pytest.raises(InputError, match='want JSON'):
        open_drive(tmp_path)
    (tmp_path / 'drive.json').write_text('{"topic": "/c/image_raw"}')
    with pytest.raises(BagError):
        open_drive(tmp_path)


def picture(level: int) -> np.ndarray:
    return np.full((40, 60, 3), level, np.uint8)


def drive(segments: tuple[Segment, ...] = ()) -> Drive:
    return Drive(Path('bag'), '/front/image_raw/compressed', 1.0, 5, segments, {}, 'a <test>')


def test_the_restored_topic_is_beside_the_input():
    assert drive().restored_topic == '/front/image_restored'


def test_shown_frames_flatter_nobody():
    entries = journal(RESTORED, RESTORED, RESTORED, DROPPED, PASSED)
    scores = {
        stamp: BeforeAfter(20.0, 20.0 + gain, 0.5, 0.5)
        for stamp, gain in ((0, 1.0), (1, 9.0), (2, 3.0), (4, 0.0))
    }
    segments = (Segment('rain', (0, 1, 2)), Segment('clean', (3, 4)))
    assert choose_examples(drive(segments), entries, [0, 1, 2, 4], scores) == {2: 'rain'}
    assert list(choose_examples(drive(), entries, [0, 1, 2, 4], {})) == [0, 1, 2]


def test_the_detail_is_where_the_error_is():
    degraded, truth = picture(100), picture(100)
    degraded[20:30, 45:60] = 200
    rows, columns = detail(Example('rain', 0, degraded, truth, truth, None), 0.25)
    assert (rows, columns) == (slice(20, 30), slice(45, 60))


@pytest.mark.parametrize('with_truth', [True, False])
def test_the_page_needs_nothing_else(with_truth):
    score = BeforeAfter(20.0, 24.0, 0.5, 0.7) if with_truth else None
    example = Example('<b>', 0, picture(90), picture(120), picture(130) if with_truth else None, score)
    found = replay(journal(RESTORED, DROPPED), played=3)
    scores = {0: score} if score else {}
    known = drive((Segment('<b>', (0, 1, 2)),))
    report = {'source': known.source, **make_report(found, [0], scores, known.segments, (60, 40))}
    drawing = timeline(known, found, scores)
    text = page(report | {'problems': ['2 < 3 & so on']}, [example], drawing)
    assert 'a &lt;test&gt;' in text
    assert '2 &lt; 3 &amp; so on' in text
    assert '<b>' not in text
    assert '<script' not in text
    assert text.count('<img') == text.count('src="data:image/') == (7 if with_truth else 5)
    assert 'href=' not in text
    assert drawing.startswith(b'<?xml')
    image = cv2.imdecode(np.frombuffer(before_after([example]), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[1] > 400 * (3 if with_truth else 2)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['missing', 'out'], 'no bag at'),
        (['.', 'out'], 'not a rosbag2 bag'),
        (['.', 'out', '--rate', '0'], 'rate: got 0.0'),
    ],
)
def test_bad_input_ends_with_one_line_and_2(tmp_path, arguments, words):
    done = subprocess.run(
        [sys.executable, '-m', 'restore_node.tools.replay_test', *arguments],
        cwd=tmp_path,
        env={'PYTHONPATH': str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith('error: ')
    assert words in done.stderr
    assert done.stderr.count('\n') == 1
    assert not (tmp_path / 'out').exists()
