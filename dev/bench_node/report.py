"""A table and a plot of what `hop.py` wrote: `python -m dev.bench_node.report FOLDER`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FLOOR = 'relay'


def rows_of(reports: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every result with its RMW and its ratios to the relay of the same case."""
    for report in reports:
        floors = {
            (tuple(result['size']), result['cameras']): result
            for result in report['results']
            if result['node'] == FLOOR
        }
        for result in report['results']:
            floor = floors[tuple(result['size']), result['cameras']]
            yield {
                **result,
                'rmw': report['rmw_implementation'].removeprefix('rmw_').removesuffix('_cpp'),
                'times_hop': _ratio(result['hop_ms'].get('p50'), floor['hop_ms'].get('p50')),
                'times_cpu': _ratio(result['cpu_ms'], floor['cpu_ms']),
            }


def _ratio(value: float | None, floor: float | None) -> float | None:
    return round(value / floor, 2) if value is not None and floor else None


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """The table for docs/performance.md."""
    lines = [
        '| RMW | size | cameras | node | hop p50 | p95 | p99 | x relay | CPU, ms a frame | x relay | lost |',
        '|---|---|---|---|---|---|---|---|---|---|---|',
    ]
    for row in rows:
        hop = [f'{row["hop_ms"][name]:.2f}' if row['hop_ms'] else '-' for name in ('p50', 'p95', 'p99')]
        cells = [row['rmw'], '{}x{}'.format(*row['size']), row['cameras'], row['node'], *hop]
        cells += [_shown(row['times_hop']), f'{row["cpu_ms"]:.1f}', _shown(row['times_cpu'])]
        lines.append('| ' + ' | '.join(map(str, [*cells, f'{row["lost"]} of {row["frames"]}'])) + ' |')
    return '\n'.join(lines)


def _shown(ratio: float | None) -> str:
    return '-' if ratio is None else f'{ratio:.2f}'


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Median hop by size, a panel for each RMW and number of cameras; whiskers reach to p95."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    panels = list(dict.fromkeys((row['rmw'], row['cameras']) for row in rows))
    nodes = list(dict.fromkeys(row['node'] for row in rows))
    figure, axes = pyplot.subplots(1, len(panels), figsize=(3.4 * len(panels), 3.2), squeeze=False)
    for axis, (rmw, cameras) in zip(axes[0], panels, strict=True):
        for index, node in enumerate(nodes):
            mine = [row for row in rows if (row['rmw'], row['cameras'], row['node']) == (rmw, cameras, node)]
            mine = [row for row in mine if row['hop_ms']]
            if not mine:
                continue
            middles = [row['hop_ms']['p50'] for row in mine]
            above = [row['hop_ms']['p95'] - row['hop_ms']['p50'] for row in mine]
            step = 0.8 / len(nodes)
            at = [position + step * (index - (len(nodes) - 1) / 2) for position in range(len(mine))]
            axis.bar(
                at,
                middles,
                0.9 * step,
                yerr=[[0] * len(mine), above],
                capsize=2,
                label=node,
                color=f'C{index}',
            )
            axis.set_xticks(range(len(mine)), ['{}x{}'.format(*row['size']) for row in mine], fontsize=7)
        axis.set_title(f'{rmw}, {cameras} camera{"s" if cameras > 1 else ""}', fontsize=9)
    axes[0][0].set_ylabel('publish to receive, ms')
    # One node for all cameras is compared where there are several: the last panel has all names.
    axes[0][-1].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Report on a folder."""
    folder = Path(sys.argv[1])
    reports = [json.loads(file.read_text(encoding='utf-8')) for file in sorted(folder.glob('*.json'))]
    if not reports:
        sys.exit(f'error: no .json in {folder}; make bench-node writes them')
    rows = list(rows_of(reports))
    table = table_of(rows)
    (folder / 'hops.md').write_text(table + '\n', encoding='utf-8')
    plot(rows, folder / 'hops.png')
    host = reports[0]['host']
    print(f'{table}\n\n{host["cpu"]}, {host["cores"]} cores; load average {reports[0]["load_average"]} after')
    print(f'{folder / "hops.md"}, {folder / "hops.png"}')


if __name__ == '__main__':
    main()
