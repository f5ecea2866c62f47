"""`benchmark [--size WxH ...]`: what a frame costs on this machine, by stage and by way of running the model.

`benchmark compare A.json B.json` says what changed between two results.

Everything but ROS: what transport adds is `replay_test`'s business. Engines that are not in the cache are not
built (`build_engine` does that). Exit code 0 when a model ran, 1 when only the floor did.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.table import Table

from restore_node.common.atomic import Unfinished
from restore_node.common.console import progress_bar, table_console
from restore_node.common.errors import InputError
from restore_node.common.host import describe_host, host_line, this_processor, utc_now, versions_of
from restore_node.model import load_model
from restore_node.tools.benchmark import compare
from restore_node.tools.benchmark.run import CHANNELS, FLOOR, TOTAL, Size, cases_as_dicts, run_cases
from restore_node.tools.cli import add_model_argument, parse_size, run_command

EXIT_NO_MODEL_RAN = 1
SIZES = ('640x360', '1280x720')
_PACKAGES = (
    'numpy',
    'opencv-python-headless',
    'openvino',
    'onnxruntime',
    'onnxruntime-gpu',
    'tensorrt',
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ['compare']:
        compare.main(words[1:])
        return
    parser = argparse.ArgumentParser(
        prog='benchmark',
        description='Measure what a frame costs here.',
        epilog='benchmark compare A.json B.json says what changed between two results.',
    )
    add_model_argument(parser)
    parser.add_argument(
        '--size', nargs='+', default=SIZES, metavar='WxH', help=f'of the cameras (default {" ".join(SIZES)})'
    )
    parser.add_argument('--frames', type=int, default=100, help='counted, of each size (default 100)')
    parser.add_argument('--warm-up', type=int, default=10, help='frames before that (default 10)')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads (default 0: one per core)')
    parser.add_argument('--encoding', default='bgr8', choices=tuple(CHANNELS), help='default bgr8')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures there')
    run_command(_benchmark, parser, words)


def _benchmark(given: argparse.Namespace) -> int:
    sizes = [parse_size(text) for text in given.size]
    if given.frames < 1 or given.warm_up < 0 or given.threads < 0:
        raise InputError(
            'number of frames or threads',
            seen=f'--frames {given.frames} --warm-up {given.warm_up} --threads {given.threads}',
            wanted='--frames 1 or more, the others 0 or more',
        )
    model = load_model(given.model).card.name
    with Unfinished(given.json) if given.json else nullcontext() as path:
        report = _measure(given, sizes, model)
        if path:
            path.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
    _show(report)
    ran = any('fault' not in result and result['candidate'] != FLOOR for result in report['results'])
    return 0 if ran else EXIT_NO_MODEL_RAN


def _measure(given: argparse.Namespace, sizes: list[Size], model: str) -> dict[str, Any]:
    load_before = os.getloadavg()[0]
    with progress_bar() as bar:
        task = bar.add_task('rounds', total=len(sizes) * (given.frames + given.warm_up))
        cases = run_cases(
            given.model,
            sizes,
            frames=given.frames,
            warm_up=given.warm_up,
            threads=given.threads,
            encoding=given.encoding,
            on_round=lambda: bar.advance(task),
        )
    return {
        'format': 1,
        'date': utc_now(),
        'host': describe_host() | {'features': list(this_processor().features)},
        # Others at work on this machine make the figures worse than it is.
        'load_average': {'before': round(load_before, 2), 'after': round(os.getloadavg()[0], 2)},
        'versions': versions_of(_PACKAGES),
        'model': model,
        'threads': given.threads or len(os.sched_getaffinity(0)),
        'encoding': given.encoding,
        'warm_up': given.warm_up,
        'results': cases_as_dicts(cases),
    }


def _show(report: dict[str, Any]) -> None:
    results, load = report['results'], report['load_average']
    table_console().print(_table_of([result for result in results if 'fault' not in result]))
    faults = (f'{result["candidate"]}: {result["fault"]}' for result in results if 'fault' in result)
    for line in dict.fromkeys(faults):
        print(f'not here: {line}')
    conditions = (
        f'{report["model"]} on {host_line(report["host"])}',
        ' and '.join(report['host']['features']) or 'neither bf16 nor VNNI',
        f'{report["threads"]} threads',
        report['encoding'],
        f'{report["warm_up"]} frames of warm-up',
        f'load average {load["before"]} before and {load["after"]} after',
    )
    print(', '.join(conditions))


def _table_of(results: Sequence[dict[str, Any]]) -> Table:
    """Return one line for each size and way that runs: medians of the stages, percentiles, ratios.

    `x fp32` is how many times as fast and `dB` how alike it is to fp32 with ONNX Runtime on the CPU.
    """
    table = Table(title='milliseconds a frame, message to message; stages are medians')
    stages = dict.fromkeys(name for result in results for name in result['stages_ms'] if name != TOTAL)
    table.add_column('size', no_wrap=True)
    table.add_column('way', no_wrap=True)
    for name in (*stages, 'p50', 'p95', 'p99', 'x floor', 'x fp32', 'dB'):
        table.add_column(name, justify='right')
    for result in results:
        times = result['stages_ms']
        row = [times[name]['p50'] for name in stages] + list(times[TOTAL].values())
        ratios = [result[name] for name in ('times_the_floor', 'times_as_fast', 'alike_db')]
        table.add_row(
            '{}x{}'.format(*result['size']),
            result['candidate'],
            *(f'{value:.2f}' for value in row),
            *('-' if value is None else f'{value:.1f}' for value in ratios),
        )
    return table


if __name__ == '__main__':
    main()
