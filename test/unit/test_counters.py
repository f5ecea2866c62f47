"""What became of every frame: it always adds up."""

from __future__ import annotations

import random
import threading

import pytest

from restore_node.common.timing import percentiles
from restore_node.runtime.counters import REASONS, FrameCounters, FrameCounts, FrameRecord, Outcome, Reason

ENDINGS = [(outcome, reason) for outcome, reasons in REASONS.items() for reason in sorted(reasons)]


def adds_up(counts: FrameCounts) -> bool:
    finished = counts.restored + counts.passed_through + counts.dropped
    return counts.received == finished + counts.in_flight and sum(counts.reasons.values()) == finished


def test_every_reason_of_the_contract_has_an_outcome() -> None:
    assert {reason for reasons in REASONS.values() for reason in reasons} == set(Reason)
    assert set(REASONS) == set(Outcome)


@pytest.mark.parametrize(('outcome', 'reason'), ENDINGS)
def test_a_finished_frame_has_one_outcome(outcome: Outcome, reason: Reason) -> None:
    counters = FrameCounters()
    assert counters.counts() == FrameCounts(0, 0, 0, 0, 0, {})
    pending = counters.receive('/image_raw', 5)
    assert counters.counts() == FrameCounts(1, 0, 0, 0, 1, {})
    counters.finish(pending, outcome, reason)
    counts = counters.counts()
    assert adds_up(counts)
    assert vars(counts)[outcome.value] == 1
    assert counts.in_flight == 0


def test_failures_are_told_apart_by_what_was_done() -> None:
    counters = FrameCounters()
    for outcome in (Outcome.PASSED_THROUGH, Outcome.DROPPED, Outcome.DROPPED):
        counters.finish(counters.receive('/image_raw', 5), outcome, Reason.FAILURE)
    assert counters.counts().reasons == {'failure': 1, 'failure_dropped': 2}


@pytest.mark.parametrize(
    ('outcome', 'reason'),
    [(outcome, reason) for outcome in Outcome for reason in Reason if reason not in REASONS[outcome]],
)
def test_reason_of_another_outcome_is_refused(outcome: Outcome, reason: Reason) -> None:
    counters = FrameCounters()
    pending = counters.receive('/image_raw', 5)
    with pytest.raises(ValueError, match=f'{reason.value} is no reason for {outcome.value}'):
        counters.finish(pending, outcome, reason)
    assert counters.counts().in_flight == 1


def test_a_frame_is_finished_once() -> None:
    counters = FrameCounters()
    pending = counters.receive('/image_raw', 5)
    counters.finish(pending, Outcome.DROPPED, Reason.STALE)
    with pytest.raises(ValueError, match='frame 5 of /image_raw already has an outcome'):
        counters.finish(pending, Outcome.RESTORED, Reason.RESTORED)
    assert counters.counts() == FrameCounts(1, 0, 0, 1, 0, {'stale': 1})


def test_equal_stamps_are_different_frames() -> None:
    counters = FrameCounters()
    pending_frames = [counters.receive('/image_raw', 0) for _ in range(3)]
    for pending in pending_frames:
        counters.finish(pending, Outcome.RESTORED, Reason.RESTORED)
    assert counters.counts().restored == 3


def test_latency_is_that_of_published_frames() -> None:
    records: list[FrameRecord] = []
    counters = FrameCounters(records.append)
    assert counters.latency_ms() == {}
    counters.finish(counters.receive('/image_raw', None), Outcome.DROPPED, Reason.MALFORMED)
    assert counters.latency_ms() == {}
    assert records == [FrameRecord('/image_raw', None, Outcome.DROPPED, Reason.MALFORMED, None)]
    counters.finish(counters.receive('/image_raw', 7), Outcome.PASSED_THROUGH, Reason.GATE)
    latency = records[1].latency_ms
    assert latency is not None
    assert 0 <= latency < 1000
    assert counters.latency_ms() == {'p50': latency, 'p95': latency, 'p99': latency}


def test_latency_forgets_what_is_long_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('restore_node.runtime.counters.RECENT', 3)
    records: list[FrameRecord] = []
    counters = FrameCounters(records.append)
    for stamp in range(5):
        counters.finish(counters.receive('/image_raw', stamp), Outcome.RESTORED, Reason.RESTORED)
    assert counters.latency_ms() == percentiles(record.latency_ms or 0.0 for record in records[-3:])


def test_it_adds_up_at_every_moment_under_threads() -> None:
    records: list[FrameRecord] = []
    counters = FrameCounters(records.append)
    done = threading.Event()
    wrong: list[FrameCounts] = []

    def camera(seed: int) -> None:
        dice = random.Random(seed)
        waiting = []
        for stamp in range(500):
            waiting.append(counters.receive(f'/camera_{seed}', stamp))
            while waiting and dice.random() < 0.6:
                counters.finish(waiting.pop(dice.randrange(len(waiting))), *dice.choice(ENDINGS))
        for pending in waiting:
            counters.finish(pending, Outcome.DROPPED, Reason.INACTIVE)

    def watch() -> None:
        while not done.is_set():
            counts = counters.counts()
            if not adds_up(counts):
                wrong.append(counts)

    cameras = [threading.Thread(target=camera, args=(seed,)) for seed in range(4)]
    watcher = threading.Thread(target=watch)
    for thread in (*cameras, watcher):
        thread.start()
    for thread in cameras:
        thread.join()
    done.set()
    watcher.join()
    assert not wrong
    counts = counters.counts()
    assert (counts.received, counts.in_flight) == (2000, 0)
    assert adds_up(counts)
    assert sorted((s.topic, s.stamp_ns) for s in records) == [
        (f'/camera_{seed}', stamp) for seed in range(4) for stamp in range(500)
    ]
