"""`make bench-node`, a short form: frames go through all three nodes and come back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros


def test_every_node_sends_every_frame_back(tmp_path):
    file = tmp_path / 'hops.json'
    options = ['--size', '64x48', '--cameras', '2', '--frames', '3', '--limit', '60']
    subprocess.run(
        [sys.executable, '-m', 'dev.bench_node.hop', str(file), *options],
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=300,
    )
    results = json.loads(file.read_text())['results']
    assert [result['node'] for result in results] == [
        'relay',
        'restore_node',
        'restore_node_together',
        'plain',
    ]
    for result in results:
        assert (result['frames'], result['lost']) == (6, 0)
        assert 0 < result['hop_ms']['p50'] <= result['hop_ms']['p99']
        assert result['cpu_ms'] >= 0


def test_cameras_at_their_rate_in_one_node_and_in_a_node_each():
    options = ['--size', '64x48', '--cameras', '2', '--seconds', '2', '--rounds', '1']
    ended = subprocess.run(
        [sys.executable, '-m', 'dev.bench_node.load', *options],
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
    )
    _, together, apart = map(json.loads, ended.stdout.splitlines())
    assert [result['nodes'] for result in (together, apart)] == [1, 2]
    for result in (together, apart):
        assert result['frames'] > 0
        assert result['reasons'].get('restored', 0) > 0
        assert 0 < result['latency_ms']['p50'] <= result['latency_ms']['p95']
