"""From times to a result: percentiles, ratios to the floor, JSON, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from restore_node.common.timing import percentiles
from restore_node.tools.benchmark.run import FLOOR, REFERENCE, Case, Size

TOTAL = 'total'


def case_as_dict(case: Case, floor: Case | None, reference: Case | None = None) -> dict[str, Any]:
    """Percentiles of every stage, and the ratios of the whole, median by median.

    Args:
        case: what was measured.
        floor: the floor at the same size; None if it did not run.
        reference: fp32 on the CPU at the same size; likewise.
    """
    result: dict[str, Any] = {'candidate': case.candidate, 'size': list(case.size), 'device': case.device}
    if case.fault:
        return result | {'fault': case.fault}
    stages = {name: percentiles(times, digits=3) for name, times in case.stages.items()}
    median = stages[TOTAL]['p50']
    to_floor, to_reference = _median(floor), _median(reference)
    return result | {
        'frames': len(case.stages[TOTAL]),
        'stages_ms': stages,
        'totals_ms': [round(value, 3) for value in case.stages[TOTAL]],
        'times_the_floor': round(median / to_floor, 2) if to_floor else None,
        'times_as_fast': round(to_reference / median, 2) if to_reference else None,
        'alike_db': case.alike_db,
    }


def _median(case: Case | None) -> float | None:
    """Of the whole, in milliseconds; None where there is nothing."""
    return percentiles(case.stages[TOTAL], digits=3)['p50'] if case and not case.fault else None


def cases_as_dicts(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """The same for all, each with the floor and the reference of its size."""
    by_name: dict[tuple[str, Size], Case] = {(case.candidate, case.size): case for case in cases}
    return [
        case_as_dict(case, by_name.get((FLOOR, case.size)), by_name.get((REFERENCE, case.size)))
        for case in cases
    ]


def table_of(results: Sequence[dict[str, Any]]) -> Table:
    """Return one line for each size and way that runs: medians of the stages, percentiles, ratios.

    `x fp32` is how many times as fast and `dB` how alike it is to fp32 with ONNX Runtime on the CPU.
    """
    table = Table(title='milliseconds a frame, message to message; stages are medians')
    stages = list(dict.fromkeys(name for result in results for name in result.get('stages_ms', ())))
    stages = [name for name in stages if name != TOTAL]
    table.add_column('size', no_wrap=True)
    table.add_column('way', no_wrap=True)
    for name in (*stages, 'p50', 'p95', 'p99', 'x floor', 'x fp32', 'dB'):
        table.add_column(name, justify='right')
    for result in results:
        size = '{}x{}'.format(*result['size'])
        if 'fault' in result:
            continue
        times, total = result['stages_ms'], result['stages_ms'][TOTAL]
        row = [times[name]['p50'] for name in stages] + [total[name] for name in ('p50', 'p95', 'p99')]
        ratios = [result[name] for name in ('times_the_floor', 'times_as_fast', 'alike_db')]
        table.add_row(
            size,
            result['candidate'],
            *(f'{value:.2f}' for value in row),
            *('-' if value is None else f'{value:.1f}' for value in ratios),
        )
    return table
