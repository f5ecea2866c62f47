"""dev/gpu_proof.sh in its short form, on this machine: every step runs, and weights come back."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from training.runs import checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture
def packed(photographs_root, tmp_path):
    """Photographs under the names that `pack.py` gives them, some of which are held out."""
    path = tmp_path / 'photographs.tar'
    names = ('bsds500/100', 'bsds500/300', 'urban100/urban_001', 'urban100/urban_090')
    files = sorted(photographs_root.iterdir())
    with tarfile.open(path, 'w') as tar:
        for index, name in enumerate(names):
            tar.add(files[index % len(files)], f'train/photos/{name}.png')
    return path


@pytest.mark.slow
def test_all_of_it_runs_here(tmp_path, packed):
    options = ['--short', '--minutes', '30', '--data', packed, '--out', tmp_path]
    ended = subprocess.run(
        [ROOT / 'dev' / 'gpu_proof.sh', *options],
        env=os.environ | {'PYTHON': sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    log = (tmp_path / 'log.txt').read_text()
    steps = dict(line.split('\t')[:2] for line in (tmp_path / 'steps.tsv').read_text().splitlines())
    assert {name for name, code in steps.items() if code != '0'} == set(), log
    assert ended.returncode == 0
    saved = checkpoint.load(tmp_path / 'restore-base.pt')
    assert saved.config['network'] == 'lite-base'
    assert saved.step > 0
    with tarfile.open(tmp_path / 'figures.tar.gz') as figures:
        names = {Path(name).name for name in figures.getnames()}
        networks = json.load(figures.extractfile('figures/networks.json'))
    assert {'machine.json', 'doctor.json', 'benchmark.json', 'bench-paper.json', 'metrics.jsonl'} <= names
    assert {entry['network'] for entry in networks} == {'lite', 'lite-base', 'paper'}
