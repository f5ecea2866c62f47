"""The table and the plot of `make bench-node`, from figures that are made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dev.bench_node.report import rows_of, table_of

ROOT = Path(__file__).parents[2]


def report(rmw: str) -> dict:
    return {
        'rmw_implementation': rmw,
        'host': {'cpu': 'a processor', 'cores': 2},
        'load_average': 0.1,
        'results': [
            {
                'node': node,
                'size': [640, 360],
                'cameras': cameras,
                'frames': 10,
                'lost': lost,
                'hop_ms': {'p50': hop, 'p95': 2 * hop, 'p99': 3 * hop},
                'cpu_ms': 2 * hop,
            }
            for cameras in (1, 4)
            for node, hop, lost in (('relay', 2.0, 0), ('restore_node', 2.2, 0), ('plain', 2.6, 1))
        ],
    }


def test_ratios_are_to_the_relay():
    rows = list(rows_of([report('rmw_fastrtps_cpp')]))
    assert [row['times_hop'] for row in rows] == [1.0, 1.1, 1.3] * 2
    assert rows[2]['times_cpu'] == 1.3
    lines = table_of(rows).splitlines()
    assert lines[4] == '| fastrtps | 640x360 | 1 | plain | 2.60 | 5.20 | 7.80 | 1.30 | 5.2 | 1.30 | 1 of 10 |'


def test_a_case_that_lost_everything_has_no_ratio():
    made = report('rmw_fastrtps_cpp')
    made['results'][1]['hop_ms'] = {}
    rows = list(rows_of([made]))
    assert rows[1]['times_hop'] is None
    assert ' | - | - | - | - | ' in table_of(rows)


def test_the_command(tmp_path):
    pytest.importorskip('matplotlib', reason='matplotlib is not installed')
    for rmw in ('rmw_fastrtps_cpp', 'rmw_cyclonedds_cpp'):
        (tmp_path / f'{rmw}.json').write_text(json.dumps(report(rmw)))
    command = [sys.executable, '-m', 'dev.bench_node.report', str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 'cyclonedds' in ended.stdout
    assert (tmp_path / 'hops.png').stat().st_size > 1000
    assert (tmp_path / 'hops.md').read_text().startswith('| RMW |')
