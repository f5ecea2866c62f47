"""What has to hold, whatever is done to a node; nothing here knows ROS, and no verdict hangs on speed."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

#: Seconds for which diagnostics may say OK without a frame out: health needs some four.
BLIND_S = 10.0
#: Seconds without diagnostics, which come once a second, after which the node counts as stuck.
SILENT_S = 60.0
#: Growth that is none: what the allocator and DDS keep varies by so much.
TOLERATED = {'rss_mib': 50.0, 'threads': 2, 'files': 8}


class Sample(NamedTuple):
    """What a process holds: seconds since the start, memory, threads, open files."""

    at_s: float
    rss_mib: float
    threads: int
    files: int


class Watch:
    """Collects the faults of one node.

    Args:
        clock: seconds that never go back.

    Attributes:
        faults: how often each kind was found, and its first line.
        out: frames of ours that came out.
        is_listening: somebody who stays hears the restored images.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest: dict[str, tuple[int, int]] = {}
        self._seen_at = self._told_at = clock()
        self.faults: dict[str, tuple[int, str]] = {}
        self.out = 0
        self.is_listening = True

    def fault(self, kind: str, line: str) -> None:
        """Note a fault."""
        count, first = self.faults.get(kind, (0, line))
        self.faults[kind] = count + 1, first

    def expect(self, is_so: bool, kind: str, line: str) -> None:
        """Note a fault unless something is as it should be."""
        if not is_so:
            self.fault(kind, line)

    def heard_anything(self) -> None:
        """A message came out, ours or what was left of a damaged one."""
        self._seen_at = self._clock()

    def heard(self, listener: str, life: int, number: int, sent: tuple, got: tuple) -> None:
        """A frame of ours came out: of one camera's life in the order in which it was sent, and once.

        Args:
            listener: who heard it.
            life: how often the camera had been restarted.
            number: of the frame.
            sent: stamp and size as they were sent.
            got: stamp and size as they came out.
        """
        self.out += 1
        newest_life, newest = self._newest.get(listener, (0, 0))
        if life == newest_life:
            self.expect(number > newest, 'order', f'frame {number} came out after frame {newest}')
        self._newest[listener] = life, number
        self.expect(got == sent, 'identity', f'frame {number} was sent as {sent}, and came out as {got}')

    def diagnosed(self, level: int, message: str, values: Mapping[str, str]) -> None:
        """Diagnostics came: green only while frames come out, and counters that add up."""
        now = self._told_at = self._clock()
        if level > 0 or message == 'inactive' or not self.is_listening:
            self._seen_at = now
        blind_s = now - self._seen_at
        line = f'OK ({message}) for {blind_s:.0f} s, and nothing out'
        self.expect(blind_s <= BLIND_S, 'green while blind', line)
        names = ('restored', 'passed_through', 'dropped', 'in_flight')
        total = sum(int(values[name]) for name in names)
        line = f'{values["received"]} received, {total} accounted for'
        self.expect(total == int(values['received']), 'accounting', line)

    def look(self) -> None:
        """See whether diagnostics still come; call it now and then."""
        silent_s = self._clock() - self._told_at
        self.expect(silent_s < SILENT_S, 'diagnostics', f'no diagnostics for {silent_s:.0f} s')


def judge_journal(lines: Iterable[str], watch: Watch) -> dict[str, Any]:
    """Count a journal's frames again, and hold each summary in it against that; return the last one."""
    outcomes: Counter[str] = Counter()
    summary: dict[str, Any] = {}
    for line in lines:
        entry = json.loads(line)
        if 'summary' not in entry:
            outcomes[entry['outcome']] += 1
            continue
        summary = entry['summary']
        counted = {name: outcomes[name] for name in ('restored', 'passed_through', 'dropped')}
        said = {name: summary[name] for name in counted}
        watch.expect(said == counted, 'journal', f'the summary says {said}, its lines {counted}')
        is_whole = summary['received'] == sum(counted.values()) and summary['in_flight'] == 0
        watch.expect(is_whole, 'journal', f'frames without an outcome: {summary}')
    watch.expect(bool(summary), 'journal', 'the journal has no summary')
    return summary


def judge_growth(samples: Sequence[Sample], quiet: Sequence[Sample], watch: Watch) -> dict[str, Any]:
    """Return how a process grew, and note what it did not give back.

    Args:
        samples: all of them.
        quiet: those from times at which it had just been configured anew and did nothing but restore.
        watch: gets the faults.
    """
    last = quiet[-1]
    # Memory is held against the middle of the run: allocators reach their full extent after some models.
    first = quiet[0]._replace(rss_mib=quiet[len(quiet) // 2].rss_mib)
    hours = [sample.at_s / 3600 for sample in quiet[1:]]
    rss = [sample.rss_mib for sample in quiet[1:]]
    figures: dict[str, Any] = {
        'rss_mib': [round(sample.rss_mib, 1) for sample in quiet],
        'rss_mib_per_h': round(float(np.polyfit(hours, rss, 1)[0]), 1) if len(hours) > 1 else None,
    }
    for name, tolerated in TOLERATED.items():
        begun, ended = getattr(first, name), getattr(last, name)
        most = max(getattr(sample, name) for sample in samples)
        figures[f'{name}_most'] = most
        line = f'{name} grew from {begun:g} to {ended:g} and were {most:g} at most'
        watch.expect(ended - begun <= tolerated, 'growth', line)
        if name != 'rss_mib':
            figures[name] = [getattr(sample, name) for sample in quiet]
    return figures
