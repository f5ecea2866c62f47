"""`make soak`, its short form: every act once, on both nodes, and nothing that has to hold is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dev.soak.acts import ACTS

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def test_every_act_leaves_both_nodes_sound(tmp_path):
    run = subprocess.run(
        [sys.executable, '-m', 'dev.soak.run', str(tmp_path), '--minutes', '0.1', '--rate', '15'],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    nodes = json.loads((tmp_path / 'report.json').read_text())['nodes']
    assert set(nodes) == {'front', 'rear'}
    for node in nodes.values():
        assert set(node['acts']) == {act.__name__ for act in ACTS} | {'leave_alone'}
        assert node['frames']['restored'] > 0
        assert node['frames']['received'] <= node['sent']
