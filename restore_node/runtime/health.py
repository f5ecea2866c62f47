"""Health: whether a camera is seen, judged from what goes in and what comes out.

Counters and a look at the graph in; a level and a line for each notice out. The clock is injected, so that
every judgement can be tested. A backend that works is no proof: every frame may be stale, or nobody hear any.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum

from restore_node.runtime.counters import FrameCounts
from restore_node.runtime.supervisor import SupervisorState
from restore_node.runtime.threads import CLOCK, Clock

#: Seconds without a frame, in or out, after which somebody should look.
SILENCE_S = 3.0
#: Seconds over which rates and shares are taken.
WINDOW_S = 5.0
#: The share of frames lost for a reason that is a fault, from which on it is worth a warning.
TOLERATED = 0.1
#: Seconds by which stamps may be ahead of the clock: what clocks in one vehicle differ by.
AHEAD_S = 0.1
#: Seconds for which a peer has to look wrong: while it is being discovered, not all is known of it.
SETTLED_S = 1.0
#: Seconds until the same notice is logged again.
QUIET_S = 30.0
#: What helps where the transport loses images.
ADVICE = 'publish reliably, or give DDS room (docs/vehicle.md, "Big images over DDS")'
#: What becomes of frames that nobody would have seen in any case.
NO_LOSS = {'unwatched', 'inactive'}
#: Drops that come with more frames than can be restored, which is no fault.
EXPECTED = {*NO_LOSS, 'superseded'}
#: Frames that are published, though not restored, for a reason that is a fault.
UNRESTORED = ('encoding', 'failure', 'deadline')


class Level(IntEnum):
    """As in `diagnostic_msgs/DiagnosticStatus`."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Notice:
    """Something to know about: its kind, how bad it is, and a line for the engineer."""

    kind: str
    level: Level
    line: str


@dataclass(frozen=True)
class Peers:
    """Who is at the other end of the topics.

    Attributes:
        publishers: how many publish the input as this node wants it.
        listeners: how many subscribe to the output and hear it.
        strangers: a line for each publisher of the input that sends another type.
        unheard: a line for each publisher of the input whose QoS does not fit.
        deaf: a line for each subscriber to the output whose type or QoS does not fit.
        is_best_effort: the input is subscribed so.
    """

    publishers: int = 0
    listeners: int = 0
    strangers: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()
    is_best_effort: bool = False


@dataclass(frozen=True)
class Observation:
    """What an active node and its surroundings look like at one moment.

    Attributes:
        counts: what became of the frames.
        peers: who is at the other end.
        clock_ns: the node's clock, where it is simulated; None where it is the system's.
        age_s: the newest frame's age when it came, by the node's clock, seconds; negative where its stamp is
            ahead; None where nothing has come yet, or its stamp is zero.
        detail: the last complaint about a frame, or an empty text.
        lost: images lost on the way so far, by what the transport says or the gaps between stamps tell.
    """

    counts: FrameCounts
    peers: Peers = field(default_factory=Peers)
    clock_ns: int | None = None
    age_s: float | None = None
    detail: str = ''
    lost: int = 0


class Health:
    """Judges a camera anew at each look, from its activation on; its lines name the topics.

    Attributes:
        rate_in, rate_out: frames per second over the last `WINDOW_S` seconds.
    """

    def __init__(self, topic_in: str, topic_out: str, clock: Clock = CLOCK) -> None:
        self._topic_in, self._topic_out, self._clock = topic_in, topic_out, clock
        self._window: deque[tuple[float, FrameCounts, int]] = deque()
        self._heard_at = self._clock_moved_at = clock.now()
        self._clock_ns: int | None = None
        self._blind_since: tuple[float, FrameCounts] | None = None
        self._seen: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self.rate_in = self.rate_out = 0.0

    def look(self, seen: Observation) -> list[Notice]:
        """Return what is to be known now, the worst first; empty when all is well."""
        self._remember(seen)
        seen = replace(seen, peers=self._settled(seen.peers))
        found = [*self._of_the_input(seen), *self._of_the_frames(seen), *self._of_the_clock(seen)]
        found += self._of_the_output(seen)
        return sorted(found, key=lambda notice: -notice.level)

    def news(self, notices: list[Notice]) -> list[Notice]:
        """Return the notices that are to be logged now: each kind once, and again after a while."""
        now = self._clock.now()
        self._said = {
            kind: when for kind, when in self._said.items() if kind in {one.kind for one in notices}
        }
        fresh = [one for one in notices if now - self._said.get(one.kind, now - QUIET_S) >= QUIET_S]
        self._said.update({one.kind: now for one in fresh})
        return fresh

    def _remember(self, seen: Observation) -> None:
        now, counts = self._clock.now(), seen.counts
        before = self._window[-1][1] if self._window else counts
        self._window.append((now, counts, seen.lost))
        while len(self._window) > 2 and now - self._window[1][0] >= WINDOW_S:
            self._window.popleft()
        then, first, _ = self._window[0]
        elapsed = max(now - then, 1e-3)
        self.rate_in = (counts.received - first.received) / elapsed
        self.rate_out = (_published(counts) - _published(first)) / elapsed
        if counts.received > before.received:
            self._heard_at = now
        if seen.clock_ns != self._clock_ns:
            self._clock_ns, self._clock_moved_at = seen.clock_ns, now
        if _published(counts) > _published(before):
            self._blind_since = None
        elif self._blind_since is None and _lost(before, counts, NO_LOSS):
            self._blind_since = now, before

    def _settled(self, peers: Peers) -> Peers:
        """Return the peers with only those complaints that have stood for a while."""
        now = self._clock.now()
        lines = {*peers.strangers, *peers.unheard, *peers.deaf}
        self._seen = {line: self._seen.get(line, now) for line in lines}
        stand = {line for line, since in self._seen.items() if now - since >= SETTLED_S}
        every = (peers.strangers, peers.unheard, peers.deaf)
        strangers, unheard, deaf = (tuple(line for line in lines if line in stand) for lines in every)
        return replace(peers, strangers=strangers, unheard=unheard, deaf=deaf)

    def _of_the_input(self, seen: Observation) -> Iterator[Notice]:
        peers = seen.peers
        silent_s = self._clock.now() - self._heard_at
        if silent_s < SILENCE_S:
            if peers.unheard:
                yield Notice('unheard', Level.WARN, peers.unheard[0])
            return
        kind, level = 'nothing arrives', Level.ERROR
        cause = f'{peers.publishers} publish {self._topic_in}, and nothing arrives'
        cause += f', best effort: {ADVICE}' * peers.is_best_effort
        if not peers.publishers:
            kind, level, cause = 'no publisher', Level.WARN, f'nobody publishes {self._topic_in}'
            for kind_of_line, lines in (('strangers', peers.strangers), ('unheard', peers.unheard)):
                if lines:
                    kind, level, cause = kind_of_line, Level.ERROR, lines[0]
        # A kind for each cause, so that a cause that comes later is logged as well.
        yield Notice(kind, level, f'nothing in for {silent_s:.0f} s: {cause}')

    def _of_the_frames(self, seen: Observation) -> Iterator[Notice]:
        now, counts = self._clock.now(), seen.counts
        if self._blind_since and now - self._heard_at < SILENCE_S:
            since, before = self._blind_since
            if now - since >= SILENCE_S:
                line = f'in, but nothing out for {now - since:.0f} s: '
                shares = _shares(_lost(before, counts, NO_LOSS))
                yield Notice('no output', Level.ERROR, line + shares + self._why(seen, shares))
                return
        _, before, lost_before = self._window[0]
        received, gone = counts.received - before.received, seen.lost - lost_before
        if gone > TOLERATED * (received + gone):
            share = f'{100 * gone / (received + gone):.0f} %'
            yield Notice('transport', Level.WARN, f'{share} of the images are lost in transport: {ADVICE}')
        lost = _lost(before, counts, EXPECTED)
        if received and sum(lost.values()) > TOLERATED * received:
            shares = _shares(lost, received)
            yield Notice('losses', Level.WARN, f'frames are lost: {shares}{self._why(seen, shares)}')
        unrestored = {reason: _grown(before, counts, reason) for reason in UNRESTORED}
        if sum(unrestored.values()) > TOLERATED * max(received, 1) and counts.restored == before.restored:
            shares = _shares({reason: count for reason, count in unrestored.items() if count})
            line = f'frames pass through: {shares}{self._why(seen, shares)}'
            yield Notice('unrestored', Level.WARN, line)

    def _of_the_clock(self, seen: Observation) -> Iterator[Notice]:
        now, age_s = self._clock.now(), seen.age_s
        if seen.clock_ns == 0:
            line = 'no time on /clock yet: is use_sim_time meant?'
            yield Notice('clock', Level.WARN, line)
        elif seen.clock_ns is not None and now - self._clock_moved_at >= SILENCE_S:
            line = f'the simulated clock has been standing for {now - self._clock_moved_at:.0f} s'
            yield Notice('clock', Level.WARN, line)
        elif now - self._heard_at < SILENCE_S and seen.counts.received:
            if age_s is None:
                yield Notice('stamps', Level.WARN, 'stamps are zero: no age can be told')
            elif age_s < -AHEAD_S:
                yield Notice('stamps', Level.WARN, f'{_offset(age_s)}: no age can be told')

    def _of_the_output(self, seen: Observation) -> Iterator[Notice]:
        if seen.peers.deaf:
            if seen.peers.listeners:
                yield Notice('deaf', Level.WARN, seen.peers.deaf[0])
            else:
                line = f'nobody hears {self._topic_out}: {seen.peers.deaf[0]}'
                yield Notice('deaf', Level.ERROR, line)

    def _why(self, seen: Observation, shares: str) -> str:
        """Explain the reason that is named first."""
        reason = shares.partition(' % ')[2].partition(',')[0]
        if reason == 'stale':
            if seen.age_s is None or round(seen.age_s, 1) <= 0:
                return ''  # the newest frame is not: what made the others stale is over
            hint = ': use_sim_time?' if seen.clock_ns is None and seen.age_s > 3600 else ''
            return f', {_offset(seen.age_s)}{hint}'
        if reason == 'deadline' and not seen.detail:
            age_s = max(seen.age_s or 0.0, 0.0)
            return f', no time to restore them: they are {age_s:.2f} s old when they come'
        if reason == 'superseded':
            return ', the backend does not come to an end with one'
        return f', {seen.detail}' if seen.detail else ''


def judge_backend(state: SupervisorState, bypass: bool, on_failure: str) -> Notice:
    """Return what to know about the backend of an active node; a level of OK where it restores."""
    if bypass:
        return Notice('backend', Level.WARN, 'bypassed by parameter')
    if state.restart:
        return Notice('backend', Level.ERROR, f'restart this node: {state.restart}')
    if state.running:
        where = f'restoring with {state.running} on {state.device}'
        if state.building:
            line = f'frames pass through: building the engine, {state.building}'
            return Notice('backend', Level.WARN, line)
        trouble = state.degraded or state.error
        if trouble:
            return Notice('backend', Level.WARN, f'{where}; {trouble}')
        return Notice('backend', Level.OK, where)
    outcome = 'frames pass through' if on_failure == 'passthrough' else 'frames are dropped'
    if state.error:
        return Notice('backend', Level.ERROR, f'{outcome}: {state.error}')
    return Notice('backend', Level.WARN, f'{outcome}: loading {state.wanted}')


def _published(counts: FrameCounts) -> int:
    return counts.restored + counts.passed_through


def _grown(before: FrameCounts, after: FrameCounts, reason: str) -> int:
    return after.reasons.get(reason, 0) - before.reasons.get(reason, 0)


#: Reasons for which frames are published.
_OUT = {'restored', 'gate', 'bypass', *UNRESTORED}


def _lost(before: FrameCounts, after: FrameCounts, aside: set[str]) -> dict[str, int]:
    """Count the frames that were dropped for each reason, except those aside."""
    reasons = set(after.reasons) - _OUT - aside
    grown = {reason: _grown(before, after, reason) for reason in reasons}
    return {reason: count for reason, count in grown.items() if count}


def _shares(counts: dict[str, int], of: int = 0) -> str:
    """`87 % stale, 13 % superseded`, the most frequent first."""
    total = of or sum(counts.values()) or 1
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ', '.join(f'{100 * count / total:.0f} % {reason}' for reason, count in ordered)


def _offset(age_s: float) -> str:
    side = 'behind' if age_s > 0 else 'ahead of'
    digits = 0 if abs(age_s) >= 10 else 1
    return f'stamps are {abs(age_s):.{digits}f} s {side} this clock'
