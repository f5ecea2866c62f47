"""A table of what `run.py` wrote: `python -m dev.soak.report FILE.json ...`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def rows_of(report: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each node of a run."""
    for name, node in report['nodes'].items():
        frames, growth = node['frames'], node['growth']
        held = [
            f'{" ".join(f"{one:.0f}" for one in growth[what])} ({growth[f"{what}_most"]:.0f})'
            for what in ('rss_mib', 'threads', 'files')
        ]
        counts = [frames[what] for what in ('received', 'restored', 'passed_through', 'dropped')]
        yield [
            report['rmw_implementation'].removeprefix('rmw_').removesuffix('_cpp'),
            str(report['seed']),
            name,
            f'{report["minutes"]:g}',
            str(sum(node['acts'].values())),
            *map(str, [node['sent'], *counts]),
            *held,
            'none' if not node['faults'] else str(sum(one['count'] for one in node['faults'].values())),
        ]


HEAD = (
    'RMW | seed | node | minutes | acts | sent | received | restored | passed through | dropped'
    ' | RSS, MiB (most) | threads (most) | files (most) | faults'
)


def table_of(reports: Sequence[Mapping[str, Any]]) -> str:
    """The table for docs/reliability.md."""
    lines = [f'| {HEAD} |', '|---' * (HEAD.count('|') + 1) + '|']
    lines += ['| ' + ' | '.join(row) + ' |' for report in reports for row in rows_of(report)]
    return '\n'.join(lines)


def faults_of(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each kind of fault of each node."""
    return [
        f'{name}: {kind}, {fault["count"]} times, first: {fault["first"]}'
        for report in reports
        for name, node in report['nodes'].items()
        for kind, fault in node['faults'].items()
    ]


def main() -> None:
    """Print the table, and exit with 1 where there was a fault."""
    reports = [json.loads(Path(name).read_text(encoding='utf-8')) for name in sys.argv[1:]]
    print(table_of(reports))
    faults = faults_of(reports)
    print('\n'.join(faults))
    sys.exit(1 if faults else 0)


if __name__ == '__main__':
    main()
