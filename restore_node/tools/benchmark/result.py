"""From times to a result: percentiles, ratios to the floor, JSON, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from restore_node.common.timing import percentiles
from restore_node.tools.benchmark.run import FLOOR, Case, Size

TOTAL = 'total'


def case_as_dict(case: Case, floor: Case | None) -> dict[str, Any]:
    """Percentiles of every stage, and how many times the floor's total this takes, median by median.

    Args:
        case: what was measured.
        floor: the floor at the same size; None if it did not run.
    """
    result: dict[str, Any] = {'candidate': case.candidate, 'size': list(case.size), 'device': case.device}
    if case.fault:
        return result | {'fault': case.fault}
    stages = {name: percentiles(times, digits=3) for name, times in case.stages.items()}
    ratio = None
    if floor and not floor.fault:
        ratio = round(stages[TOTAL]['p50'] / percentiles(floor.stages[TOTAL])['p50'], 2)
    return result | {'frames': len(case.stages[TOTAL]), 'stages_ms': stages, 'times_the_floor': ratio}


def cases_as_dicts(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """The same for all, each with the floor of its size."""
    floors: dict[Size, Case] = {case.size: case for case in cases if case.candidate == FLOOR}
    return [case_as_dict(case, floors.get(case.size)) for case in cases]


def table_of(results: Sequence[dict[str, Any]]) -> Table:
    """Return one line for each size and way: medians of the stages, percentiles of the whole."""
    table = Table(title='milliseconds a frame, message to message; stages are medians')
    stages = list(dict.fromkeys(name for result in results for name in result.get('stages_ms', ())))
    stages = [name for name in stages if name != TOTAL]
    table.add_column('size')
    table.add_column('way')
    for name in (*stages, 'p50', 'p95', 'p99', 'x floor'):
        table.add_column(name, justify='right')
    for result in results:
        size = '{}x{}'.format(*result['size'])
        if 'fault' in result:
            table.add_row(size, result['candidate'], '[yellow]not here[/]')
            continue
        times, total = result['stages_ms'], result['stages_ms'][TOTAL]
        row = [times[name]['p50'] for name in stages] + [total[name] for name in ('p50', 'p95', 'p99')]
        ratio = result['times_the_floor']
        table.add_row(
            size,
            result['candidate'],
            *(f'{value:.2f}' for value in row),
            '-' if ratio is None else f'{ratio:.1f}',
        )
    return table
