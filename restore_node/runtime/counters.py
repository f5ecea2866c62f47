"""FrameLedger: the one account of every frame's fate (docs/contracts.md, section 2).

Node, diagnostics, journal, report and tests all read this one, so their figures cannot disagree.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from restore_node.common.timing import Percentiles


class Fate(str, Enum):
    """What became of a frame."""

    RESTORED = 'restored'
    PASSED_THROUGH = 'passed_through'
    DROPPED = 'dropped'


class Reason(str, Enum):
    """Why."""

    RESTORED = 'restored'
    GATE = 'gate'
    BYPASS = 'bypass'
    FAILURE = 'failure'
    DEADLINE = 'deadline'
    SUPERSEDED = 'superseded'
    STALE = 'stale'
    MALFORMED = 'malformed'
    UNWATCHED = 'unwatched'
    INACTIVE = 'inactive'


#: The reasons that each fate can have.
REASONS: dict[Fate, frozenset[Reason]] = {
    Fate.RESTORED: frozenset({Reason.RESTORED}),
    Fate.PASSED_THROUGH: frozenset({Reason.GATE, Reason.FAILURE, Reason.DEADLINE, Reason.BYPASS}),
    Fate.DROPPED: frozenset(
        {Reason.SUPERSEDED, Reason.STALE, Reason.MALFORMED, Reason.UNWATCHED, Reason.FAILURE, Reason.INACTIVE}
    ),
}


@dataclass(eq=False)
class Ticket:
    """One received frame on its way to its fate."""

    topic: str
    stamp_ns: int | None
    received_ns: int = field(default_factory=time.perf_counter_ns)


@dataclass(frozen=True)
class Settlement:
    """A frame's fate.

    `latency_ms` runs from the subscription callback to the return of publish; None if dropped.
    """

    topic: str
    stamp_ns: int | None
    fate: Fate
    reason: Reason
    latency_ms: float | None


@dataclass(frozen=True)
class Account:
    """The ledger's figures at one moment.

    Always `received == restored + passed_through + dropped + in_flight`.
    """

    received: int
    restored: int
    passed_through: int
    dropped: int
    in_flight: int
    reasons: dict[str, int]

    def as_dict(self) -> dict[str, object]:
        """As the journal's summary and the report show it."""
        return dict(vars(self))


class FrameLedger:
    """Counts every frame into exactly one fate. Safe to use from several threads.

    Args:
        on_settle: called with each settlement, under the ledger's lock, in the order of settling.
    """

    def __init__(self, on_settle: Callable[[Settlement], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._on_settle = on_settle
        self._received = 0
        self._open: set[Ticket] = set()
        self._counts: Counter[tuple[Fate, Reason]] = Counter()
        self._latency = Percentiles()

    def receive(self, topic: str, stamp_ns: int | None) -> Ticket:
        """Open an entry for a frame that came in; `stamp_ns` is None where it could not be read."""
        ticket = Ticket(topic, stamp_ns)
        with self._lock:
            self._received += 1
            self._open.add(ticket)
        return ticket

    def settle(self, ticket: Ticket, fate: Fate, reason: Reason) -> None:
        """Close a frame's entry.

        Raises:
            ValueError: the frame already has a fate, or the reason does not belong to the fate. Both are
                mistakes in this package.
        """
        if reason not in REASONS[fate]:
            raise ValueError(f'{reason.value} is no reason for {fate.value}')
        published = fate is not Fate.DROPPED
        latency_ms = (time.perf_counter_ns() - ticket.received_ns) / 1e6 if published else None
        with self._lock:
            if ticket not in self._open:
                raise ValueError(f'frame {ticket.stamp_ns} of {ticket.topic} already has a fate')
            self._open.remove(ticket)
            self._counts[fate, reason] += 1
            if latency_ms is not None:
                self._latency.add(latency_ms)
            if self._on_settle:
                self._on_settle(Settlement(ticket.topic, ticket.stamp_ns, fate, reason, latency_ms))

    def account(self) -> Account:
        """The figures now."""
        with self._lock:
            fates: Counter[Fate] = Counter()
            reasons: Counter[str] = Counter()
            for (fate, reason), count in self._counts.items():
                fates[fate] += count
                # `failure` is the one reason that two fates share.
                name = 'failure_dropped' if (fate, reason) == (Fate.DROPPED, Reason.FAILURE) else reason.value
                reasons[name] += count
            return Account(
                received=self._received,
                restored=fates[Fate.RESTORED],
                passed_through=fates[Fate.PASSED_THROUGH],
                dropped=fates[Fate.DROPPED],
                in_flight=len(self._open),
                reasons=dict(sorted(reasons.items())),
            )

    def latency_ms(self) -> dict[str, float] | None:
        """p50, p95, p99 of recently published frames, milliseconds; None before the first."""
        with self._lock:
            return self._latency.summary()
