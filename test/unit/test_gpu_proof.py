"""dev/gpu_proof.sh as far as it needs neither a GPU nor PyTorch: its plan, and failing steps."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = [
    'machine',
    'gpu-tests',
    'doctor',
    'benchmark',
    'networks',
    'bench-lite',
    'bench-lite-base',
    'bench-paper',
    'train',
    'weights',
]


def proof(*arguments: object, python: str = 'false') -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / 'dev' / 'gpu_proof.sh', *map(str, arguments)],
        env=os.environ | {'PYTHON': python},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_plan_leaves_time_for_the_training():
    done = proof('--dry-run')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    planned = dict(line.split(' ', 1) for line in lines[: len(STEPS)])
    assert list(planned) == STEPS
    assert planned.pop('train') == 'what is left'
    assert sum(map(int, planned.values())) < 9 * 60
    assert len(lines) == 2 * len(STEPS)


def test_every_step_is_a_file_of_this_checkout():
    for line in proof('--dry-run').stdout.splitlines()[len(STEPS) :]:
        words = line.split()
        module = words[words.index('-m') + 1]
        path = ROOT / module.replace('.', '/')
        assert module == 'pytest' or path.with_suffix('.py').is_file() or (path / '__main__.py').is_file(), (
            line
        )


def test_steps_can_be_chosen(tmp_path):
    (tmp_path / 'some.whl').touch()
    done = proof('--dry-run', '--only', 'packages,train,weights', '--skip', 'weights', '--wheels', tmp_path)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ['packages', 'train', 'packages:', 'train:']


def test_a_step_that_fails_leaves_the_others(tmp_path):
    out = tmp_path / 'out'
    done = proof('--out', out)
    assert done.returncode == 1
    ended = [line.split('\t') for line in (out / 'steps.tsv').read_text().splitlines()]
    assert [name for name, _, _ in ended] == STEPS
    assert {code for _, code, _ in ended} == {'1'}
    assert sorted(path.name for path in out.iterdir()) == ['figures.tar.gz', 'log.txt', 'steps.tsv']
    with tarfile.open(out / 'figures.tar.gz') as figures:
        assert figures.getnames()[0] == 'figures'
    log = (out / 'log.txt').read_text()
    assert all(f'== {name}, at most' in log for name in STEPS)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--minutes', '12'], '--out: got nothing'),
        (['--out', 'x', '--minutes', 'a'], '--minutes: got a'),
        (['--out', 'x', '--data', '/none.tar'], '--data: no file /none.tar'),
        (['--out', 'x', '--only', 'tests'], 'unknown step tests'),
        (['--fast'], 'unknown argument --fast'),
    ],
)
def test_bad_arguments(arguments, words):
    done = proof(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
