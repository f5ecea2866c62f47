"""`benchmark compare A.json B.json [A2.json B2.json ...]`: what changed between two versions, what is noise.

Give the files in the order they were measured in, A and B by turns: runs differ from each other by more than
frames within a run do, and only several runs show by how much. Exit code 1 when something got slower.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from restore_node.common.console import table_console
from restore_node.common.errors import InputError
from restore_node.tools.cli import run_command

EXIT_SLOWER = 1
#: Neighbouring frames are alike, so whole blocks of them are drawn again.
BLOCK = 10
DRAWS = 2000
#: Smaller changes are called noise whatever their interval.
LEAST_CHANGE = 0.02
Case = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """What became of one case.

    Attributes:
        before_ms: median of A's frames.
        after_ms: of B's.
        low: of the ratio of the medians, B to A: lower end of its 95 % interval.
        high: upper end.
    """

    before_ms: float
    after_ms: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """B to A; below 1 is faster."""
        return self.after_ms / self.before_ms

    @property
    def verdict(self) -> str:
        """`faster`, `slower` or `noise`."""
        if abs(self.ratio - 1.0) < LEAST_CHANGE or self.low <= 1.0 <= self.high:
            return 'noise'
        return 'slower' if self.ratio > 1.0 else 'faster'


def change_between(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> Change:
    """Compare the medians of two samples, by a bootstrap over runs and over blocks of frames.

    A sample is the milliseconds of every frame of each run, one dimension each.
    """
    rng = np.random.default_rng(0)
    ratios = [_median_drawn(after, rng) / _median_drawn(before, rng) for _ in range(DRAWS)]
    low, high = np.percentile(ratios, (2.5, 97.5))
    before_ms, after_ms = (float(np.median(np.concatenate(runs))) for runs in (before, after))
    return Change(before_ms, after_ms, float(low), float(high))


def _median_drawn(runs: Sequence[np.ndarray], rng: np.random.Generator) -> float:
    frames = [_blocks_drawn(runs[index], rng) for index in rng.integers(0, len(runs), len(runs))]
    return float(np.median(np.concatenate(frames)))


def _blocks_drawn(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    length = min(BLOCK, len(times))
    starts = rng.integers(0, len(times) - length + 1, -(-len(times) // length))
    return times[(starts[:, None] + np.arange(length)).ravel()]


def changes(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> dict[Case, Change]:
    """What became of every case that ran in all of the reports."""
    old, new = ([_frames_of(report) for report in reports] for reports in (before, after))
    common = [case for case in old[0] if all(case in report for report in (*old, *new))]
    return {
        case: change_between([report[case] for report in old], [report[case] for report in new])
        for case in common
    }


def _frames_of(report: dict[str, Any]) -> dict[Case, np.ndarray]:
    return {
        ('{}x{}'.format(*result['size']), result['candidate']): np.array(result['totals_ms'])
        for result in report['results']
        if 'fault' not in result
    }


def table_of(found: dict[Case, Change]) -> Table:
    """One line for each case."""
    table = Table('size', 'way', title='median milliseconds a frame, and B to A')
    for name in ('A', 'B', 'B to A', '95 % of it', ''):
        table.add_column(name, justify='right')
    for (size, candidate), change in found.items():
        interval = f'{change.low:.3f} to {change.high:.3f}'
        values = f'{change.before_ms:.2f}', f'{change.after_ms:.2f}', f'{change.ratio:.3f}'
        table.add_row(size, candidate, *values, interval, change.verdict)
    return table


def _read(path: Path) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
        _frames_of(report)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{path} is no result of benchmark', seen=error, fix='benchmark --json FILE writes one'
        ) from error
    return report


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='benchmark compare', description='Say what changed between two versions.'
    )
    parser.add_argument('files', nargs='+', type=Path, metavar='FILE', help='A.json B.json, by turns')
    run_command(_compare, parser, arguments)


def _compare(given: argparse.Namespace) -> int:
    files: Sequence[Path] = given.files
    if len(files) % 2:
        raise InputError('files to compare', seen=len(files), wanted='an even number, A and B by turns')
    reports = [_read(file) for file in files]
    found = changes(reports[::2], reports[1::2])
    if not found:
        raise InputError('nothing to compare', seen='no way that ran at one size in all files')
    table_console().print(table_of(found))
    notes = []
    if len(files) == 2:
        notes.append('one run of each: how far runs differ is not in the interval; give several, by turns')
    for key in ('host', 'versions', 'model', 'threads', 'encoding'):
        if any(report.get(key) != reports[0].get(key) for report in reports):
            notes.append(f'not measured alike: {key} differs')
    for note in notes:
        print(note)
    return EXIT_SLOWER if any(change.verdict == 'slower' for change in found.values()) else 0
