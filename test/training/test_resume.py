"""A run killed at any moment ends, once resumed, with the bits of one that was left alone."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workbench import assert_same_bits, trained

from training.runs import checkpoint

ROOT = Path(__file__).resolve().parents[2]


def losses(run):
    """The steps that a run recorded a loss for."""
    path = run / 'metrics.jsonl'
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)['step'] for line in lines if '"loss"' in line]


def kill_somewhere(config, run, seconds):
    """Start a run as a user does, and kill it at random within the time that follows its first steps."""
    command = [sys.executable, '-m', 'training.commands.train', config, '--folder', str(run)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + 120.0
        while len(losses(run)) < 2:
            assert process.poll() is None, 'the run ended before it could be killed'
            assert time.monotonic() < deadline, 'the run does not get anywhere'
            time.sleep(0.1)
        time.sleep(random.uniform(0.0, seconds))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    ('network', 'stages'),
    [
        ({'network': 'paper', 'network_options': {'widths': [4, 4, 8], 'blocks': 1}}, [5, 9]),
        pytest.param({'network': 'lite', 'optimizer': {'name': 'muon'}}, [15, 45], marks=pytest.mark.slow),
    ],
    ids=['paper', 'lite'],
)
def test_a_killed_run_ends_with_the_same_bits(run_values, write_config, tmp_path, network, stages):
    changes = network | {
        'schedule': {'batch': 2, 'stages': stages, 'decay': 'linear', 'warmup_steps': 3},
        'checkpoint': {'steps': 1},
        'validation': {'kinds': ['blur'], 'patches': 1},
    }
    steps = sum(stages)
    kill_somewhere(write_config(**changes), tmp_path / 'killed', seconds=steps * 0.02)
    stopped = checkpoint.load(tmp_path / 'killed' / 'checkpoint.pt').step
    assert 1 <= stopped < steps

    killed = trained(run_values | changes, tmp_path / 'killed', resume=True)
    assert killed.step == steps
    assert_same_bits(killed, trained(run_values | changes, tmp_path / 'whole'))
    for run in ('killed', 'whole'):
        assert losses(tmp_path / run) == list(range(1, steps + 1))
