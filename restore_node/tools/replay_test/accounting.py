"""The figures of a report, and what does not add up in them (docs/contracts.md, section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from restore_node.common.metrics import CONVENTIONS, PSNR_CAP_DB, BeforeAfter
from restore_node.common.timing import percentiles
from restore_node.runtime.counters import Fate
from restore_node.tools.replay_test.records import Replay, Segment, Settled


def make_report(
    replay: Replay,
    recorded_ns: Sequence[int | None],
    scores: Mapping[int, BeforeAfter],
    segments: Sequence[Segment] = (),
    image_size: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Put the figures together.

    Args:
        replay: what player and node wrote down.
        recorded_ns: stamps of the recorded output, in order.
        scores: by stamp, of the published frames whose truth is known; empty where no truth is.
        segments: stretches to report by themselves.
        image_size: width and height, pixels.

    Returns:
        The keys of contract 6, and `problems`: one line for each thing that is wrong, empty when all is well.
    """
    fates = Counter(entry.fate for entry in replay.settled)
    played, received = len(replay.played_ns), len(replay.settled)
    published = received - fates[Fate.DROPPED]
    latencies = [entry.latency_ms for entry in replay.settled if entry.latency_ms is not None]
    report: dict[str, Any] = {
        'frames_played': played,
        'frames_lost_in_transport': played - received,
        'frames_in': received,
        'frames_restored': fates[Fate.RESTORED],
        'frames_passed_through': fates[Fate.PASSED_THROUGH],
        'frames_dropped': fates[Fate.DROPPED],
        'frames_lost_in_recording': published - len(recorded_ns),
        'fates': replay.summary,
        **mean_scores(scores.values()),
        'segments': [_segment(segment, replay.settled, scores) for segment in segments],
        'latency_ms': percentiles(latencies, digits=2) or dict.fromkeys(('p50', 'p95', 'p99')),
        'fps_in': _rate(received, replay),
        'fps_out': _rate(published, replay),
        'image_size': list(image_size) if image_size else None,
        **replay.facts,
        'conventions': {
            **CONVENTIONS,
            'frames': 'those published (restored or passed through) and recorded, the same on both sides',
            'mean': f'of frame values, PSNR capped at {PSNR_CAP_DB:g} dB',
        },
    }
    report['problems'] = [*unaccounted(replay, recorded_ns), *_bad_results(report, len(recorded_ns))]
    return report


def unaccounted(replay: Replay, recorded_ns: Sequence[int | None]) -> list[str]:
    """Compare the books of player, node and recorder; one line for each contradiction."""
    settled, summary = replay.settled, replay.summary
    problems = []
    never_played = Counter(entry.stamp_ns for entry in settled) - Counter(replay.played_ns)
    if never_played:
        problems.append(f'settled twice or never played: {_stamps(never_played)}')
    if summary.get('received') != len(settled):
        problems.append(f'the node received {summary.get("received")} frames and settled {len(settled)}')
    if summary.get('in_flight'):
        problems.append(f'{summary["in_flight"]} frames were still in flight when the node ended')
    for fate in Fate:
        counted = sum(entry.fate is fate for entry in settled)
        if summary.get(fate.value) != counted:
            problems.append(
                f'the summary has {summary.get(fate.value)} frames {fate.value}, the journal {counted}'
            )
    published = Counter(entry.stamp_ns for entry in settled if entry.fate is not Fate.DROPPED)
    if unknown := Counter(recorded_ns) - published:
        problems.append(f'recorded but not in the journal: {_stamps(unknown)}')
    return problems


def mean_scores(scores: Iterable[BeforeAfter]) -> dict[str, float | None]:
    """Means of the four scores, rounded; None where there is nothing to average."""
    values = np.array([list(vars(score).values()) for score in scores]).reshape(-1, 4)
    means = values.mean(axis=0).tolist() if len(values) else [None] * 4
    digits = {'psnr_degraded_db': 3, 'psnr_restored_db': 3, 'ssim_degraded': 5, 'ssim_restored': 5}
    return {
        name: None if mean is None else round(mean, digits[name])
        for name, mean in zip(digits, means, strict=True)
    }


def _segment(
    segment: Segment, settled: Sequence[Settled], scores: Mapping[int, BeforeAfter]
) -> dict[str, Any]:
    stamps = set(segment.stamps_ns)
    fates = Counter(entry.fate for entry in settled if entry.stamp_ns in stamps)
    return {
        'name': segment.name,
        'frames': len(segment.stamps_ns),
        'restored': fates[Fate.RESTORED],
        'passed_through': fates[Fate.PASSED_THROUGH],
        'dropped': fates[Fate.DROPPED],
        'lost_in_transport': len(segment.stamps_ns) - fates.total(),
        **mean_scores(score for stamp, score in scores.items() if stamp in stamps),
    }


def _rate(frames: int, replay: Replay) -> float | None:
    """Frames a second, over the time from the first frame sent to one frame period behind the last."""
    played = len(replay.played_ns)
    if played < 2 or not replay.duration_s:
        return None
    return round(frames / (replay.duration_s * played / (played - 1)), 3)


def _bad_results(report: Mapping[str, Any], recorded: int) -> list[str]:
    before, after = report['psnr_degraded_db'], report['psnr_restored_db']
    if not recorded:
        return ['nothing that the node published was recorded']
    if before is not None and after <= before:
        return [f'restored frames are not better than degraded ones: {after:.2f} dB, before {before:.2f} dB']
    return []


def _stamps(counts: Counter[int | None], shown: int = 3) -> str:
    named = ', '.join(str(stamp) for stamp in list(counts)[:shown])
    return f'{counts.total()} frames (stamps {named}{", ..." if len(counts) > shown else ""})'
