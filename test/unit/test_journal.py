"""The journal: what was counted, line by line, and never an exception while frames flow."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from restore_node.common.errors import InputError
from restore_node.runtime.counters import REASONS, FrameCounters, FrameRecord, Outcome, Reason
from restore_node.runtime.journal import Journal

FULL_DISK = Path('/dev/full')
RECORD = FrameRecord(
    '/camera/image_raw', 1_700_000_000_100_000_000, Outcome.RESTORED, Reason.RESTORED, 71.23456
)


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


def test_line_of_a_frame(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'folder' / 'journal.jsonl'
    journal = Journal(str(path))
    journal.record(RECORD)
    assert lines_of(path) == [  # flushed, though the file is still open
        {
            'topic': '/camera/image_raw',
            'stamp_ns': 1_700_000_000_100_000_000,
            'outcome': 'restored',
            'reason': 'restored',
            'latency_ms': 71.235,
        }
    ]
    journal.close()
    assert not journal.error


def test_frame_without_stamp_and_latency(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / 'journal.jsonl'))
    journal.record(FrameRecord('/image_raw', None, Outcome.DROPPED, Reason.MALFORMED, None))
    (line,) = lines_of(tmp_path / 'journal.jsonl')
    assert (line['stamp_ns'], line['latency_ms']) == (None, None)
    journal.close()


def test_lines_and_summary_equal_the_account(tmp_path: Path) -> None:
    path = tmp_path / 'journal.jsonl'
    journal = Journal(str(path))
    counters = FrameCounters(journal.record)
    for outcome, reasons in REASONS.items():
        for reason in sorted(reasons):
            counters.finish(counters.receive('/image_raw', 1), outcome, reason)
    counters.receive('/image_raw', 2)
    journal.summarise('/image_raw', counters.counts(), backend='onnxruntime', model='restore-lite')
    journal.close()
    *frames, last = lines_of(path)
    facts = {'backend': 'onnxruntime', 'model': 'restore-lite'}
    assert last == {'topic': '/image_raw', 'summary': vars(counters.counts()), **facts}
    outcomes = Counter(frame['outcome'] for frame in frames)
    assert outcomes == {outcome.value: last['summary'][outcome.value] for outcome in Outcome}
    assert last['summary']['received'] == len(frames) + last['summary']['in_flight']


def test_what_the_file_held_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / 'journal.jsonl'
    path.write_text('from an earlier run\n')
    journal = Journal(str(path))
    journal.record(RECORD)
    journal.close()
    assert len(lines_of(path)) == 1


def test_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    for path in (tmp_path, tmp_path / 'file' / 'journal.jsonl'):
        with pytest.raises(InputError, match=f'journal {path} cannot be written: got .*; give a path'):
            Journal(str(path))


@pytest.mark.skipif(not FULL_DISK.exists(), reason='this system has no /dev/full')
def test_full_disk_is_noted_and_not_raised() -> None:
    journal = Journal(str(FULL_DISK))
    for _ in range(3):
        journal.record(RECORD)
    assert 'No space left' in journal.error
    journal.close()
    assert 'No space left' in journal.error


def test_line_after_closing_is_noted_and_not_raised(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / 'journal.jsonl'))
    journal.close()
    journal.close()
    journal.record(RECORD)
    assert 'cannot be written' in journal.error
