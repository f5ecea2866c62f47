"""The figures of a report, and what does not add up in them (docs/contracts.md, section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from restore_node.common.metrics import CONVENTIONS, PSNR_CAP_DB, BeforeAfter
from restore_node.common.timing import percentiles
from restore_node.runtime.counters import FrameRecord, Outcome
from restore_node.tools.replay_test.records import Replay, Segment

#: The scores of `BeforeAfter`, and the digits that they are rounded to.
SCORES = {'psnr_degraded_db': 3, 'psnr_restored_db': 3, 'ssim_degraded': 5, 'ssim_restored': 5}


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
        scores: by stamp, of the published frames whose truth is known.
        segments: stretches to report by themselves.
        image_size: width and height, pixels.

    Returns:
        The keys of contract 6, and `problems`: one line for each thing that is wrong, empty when all is well.
    """
    outcomes = Counter(entry.outcome for entry in replay.journal)
    played, received = len(replay.played_ns), len(replay.journal)
    published = received - outcomes[Outcome.DROPPED]
    latencies = [entry.latency_ms for entry in replay.journal if entry.latency_ms is not None]
    report: dict[str, Any] = {
        'frames_played': played,
        'frames_lost_in_transport': played - received,
        'frames_in': received,
        'frames_restored': outcomes[Outcome.RESTORED],
        'frames_passed_through': outcomes[Outcome.PASSED_THROUGH],
        'frames_dropped': outcomes[Outcome.DROPPED],
        'frames_lost_in_recording': published - len(recorded_ns),
        'counts': replay.summary,
        **mean_scores(scores.values()),
        'segments': [_segment(segment, replay.journal, scores) for segment in segments],
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
    journal, summary = replay.journal, replay.summary
    problems = []
    never_played = Counter(entry.stamp_ns for entry in journal) - Counter(replay.played_ns)
    if never_played:
        problems.append(f'counted twice or never played: {_stamps(never_played)}')
    if summary.get('received') != len(journal):
        problems.append(f'the node received {summary.get("received")} frames, its journal has {len(journal)}')
    if summary.get('in_flight'):
        problems.append(f'{summary["in_flight"]} frames were still in flight when the node ended')
    for outcome in Outcome:
        counted = sum(entry.outcome is outcome for entry in journal)
        if summary.get(outcome.value) != counted:
            problems.append(
                f'the summary has {summary.get(outcome.value)} frames {outcome.value}, the journal {counted}'
            )
    published = Counter(entry.stamp_ns for entry in journal if entry.outcome is not Outcome.DROPPED)
    if unknown := Counter(recorded_ns) - published:
        problems.append(f'recorded but not in the journal: {_stamps(unknown)}')
    return problems


def mean_scores(scores: Iterable[BeforeAfter]) -> dict[str, float | None]:
    """Means of the four scores, rounded; None where there is nothing to average."""
    values = [vars(score) for score in scores]
    if not values:
        return dict.fromkeys(SCORES)
    return {name: round(fmean(score[name] for score in values), digits) for name, digits in SCORES.items()}


def total_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """The last row of a table of segments, with the keys of a segment."""
    outcomes = ('restored', 'passed_through', 'dropped', 'lost_in_transport')
    return {
        'name': 'total',
        'frames': report['frames_played'],
        **{key: report[f'frames_{key}'] for key in outcomes},
        **{key: report[key] for key in SCORES},
    }


def _segment(
    segment: Segment, journal: Sequence[FrameRecord], scores: Mapping[int, BeforeAfter]
) -> dict[str, Any]:
    stamps = set(segment.stamps_ns)
    outcomes = Counter(entry.outcome for entry in journal if entry.stamp_ns in stamps)
    return {
        'name': segment.name,
        'frames': len(segment.stamps_ns),
        'restored': outcomes[Outcome.RESTORED],
        'passed_through': outcomes[Outcome.PASSED_THROUGH],
        'dropped': outcomes[Outcome.DROPPED],
        'lost_in_transport': len(segment.stamps_ns) - outcomes.total(),
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
