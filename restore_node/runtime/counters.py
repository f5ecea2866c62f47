"""FrameCounters: what became of every frame (docs/contracts.md, section 2).

Node, diagnostics, journal, report and tests all read this one, so their figures cannot disagree.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from restore_node.common.timing import percentiles

#: Frames that latencies are told of.
RECENT = 512


class Outcome(str, Enum):
    """What became of a frame."""

    RESTORED = 'restored'
    PASSED_THROUGH = 'passed_through'
    DROPPED = 'dropped'


class Reason(str, Enum):
    """Why a frame has its outcome."""

    RESTORED = 'restored'
    GATE = 'gate'
    BYPASS = 'bypass'
    FAILURE = 'failure'
    DEADLINE = 'deadline'
    ENCODING = 'encoding'
    SUPERSEDED = 'superseded'
    STALE = 'stale'
    MALFORMED = 'malformed'
    UNWATCHED = 'unwatched'
    INACTIVE = 'inactive'


#: The reasons that each outcome can have.
REASONS = {
    outcome: frozenset(map(Reason, reasons.split()))
    for outcome, reasons in (
        (Outcome.RESTORED, 'restored'),
        (Outcome.PASSED_THROUGH, 'gate failure deadline bypass encoding'),
        (Outcome.DROPPED, 'superseded stale malformed unwatched failure encoding inactive'),
    )
}


@dataclass(eq=False)
class PendingFrame:
    """A received frame that has no outcome yet; `measured` fills with figures by their names."""

    topic: str
    stamp_ns: int | None
    received_ns: int = field(default_factory=time.perf_counter_ns)
    measured: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FrameRecord:
    """A frame's outcome.

    `latency_ms` runs from the subscription callback to the return of publish; None if dropped. `measured`
    holds what was measured on the way: `gate score` and `gate threshold` (grey levels), `convert ms`,
    `restore ms`, `gate ms`.
    """

    topic: str
    stamp_ns: int | None
    outcome: Outcome
    reason: Reason
    latency_ms: float | None
    measured: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FrameCounts:
    """The counters at one moment, by their names in the journal's summary and the report.

    Always `received == restored + passed_through + dropped + in_flight`.
    """

    received: int
    restored: int
    passed_through: int
    dropped: int
    in_flight: int
    reasons: dict[str, int]


class FrameCounters:
    """Counts every frame into exactly one outcome. Safe to use from several threads.

    Args:
        on_outcome: called with each record, under the counters' lock, in their order.
    """

    def __init__(self, on_outcome: Callable[[FrameRecord], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._on_outcome = on_outcome
        self._received = 0
        self._open: set[PendingFrame] = set()
        self._counts: Counter[tuple[Outcome, Reason]] = Counter()
        self._latencies_ms: deque[float] = deque(maxlen=RECENT)

    def receive(self, topic: str, stamp_ns: int | None) -> PendingFrame:
        """Count a frame that came in; `stamp_ns` is None where it could not be read."""
        pending = PendingFrame(topic, stamp_ns)
        with self._lock:
            self._received += 1
            self._open.add(pending)
        return pending

    def finish(self, pending: PendingFrame, outcome: Outcome, reason: Reason) -> None:
        """Count a frame into its outcome.

        Raises:
            ValueError: the frame already has an outcome, or the reason does not belong to it. Both are
                mistakes in this package.
        """
        if reason not in REASONS[outcome]:
            raise ValueError(f'{reason.value} is no reason for {outcome.value}')
        published = outcome is not Outcome.DROPPED
        latency_ms = (time.perf_counter_ns() - pending.received_ns) / 1e6 if published else None
        with self._lock:
            if pending not in self._open:
                raise ValueError(f'frame {pending.stamp_ns} of {pending.topic} already has an outcome')
            self._open.remove(pending)
            self._counts[outcome, reason] += 1
            if latency_ms is not None:
                self._latencies_ms.append(latency_ms)
            if self._on_outcome:
                measured = pending.measured.copy()
                record = FrameRecord(pending.topic, pending.stamp_ns, outcome, reason, latency_ms, measured)
                self._on_outcome(record)

    def counts(self) -> FrameCounts:
        """Return how many frames there were until now."""
        with self._lock:
            outcomes: Counter[Outcome] = Counter()
            reasons: Counter[str] = Counter()
            for (outcome, reason), count in self._counts.items():
                outcomes[outcome] += count
                # `failure` and `encoding` are reasons of two outcomes.
                shared = outcome is Outcome.DROPPED and reason in REASONS[Outcome.PASSED_THROUGH]
                reasons[reason.value + '_dropped' * shared] += count
            return FrameCounts(
                received=self._received,
                restored=outcomes[Outcome.RESTORED],
                passed_through=outcomes[Outcome.PASSED_THROUGH],
                dropped=outcomes[Outcome.DROPPED],
                in_flight=len(self._open),
                reasons=dict(sorted(reasons.items())),
            )

    def latency_ms(self) -> dict[str, float]:
        """Return p50, p95, p99 of recently published frames, milliseconds; empty before the first."""
        with self._lock:
            return percentiles(self._latencies_ms)
