"""The trainer installed by pip, apart from any checkout: its commands run in any folder."""

import json
import subprocess
from pathlib import Path

import cv2
import pytest
import tomllib

ROOT = Path(__file__).resolve().parents[2]
DESCRIBED = tomllib.loads((ROOT / 'training' / 'pyproject.toml').read_text(encoding='utf-8'))


def name_of(requirement):
    return requirement.partition('=')[0].partition('>')[0].strip().lower()


def test_it_asks_for_what_the_training_environment_has():
    lines = (ROOT / 'requirements' / 'train.txt').read_text(encoding='utf-8').splitlines()
    pinned = {name_of(line) for line in lines if '==' in line}
    asked = {name_of(requirement) for requirement in DESCRIBED['project']['dependencies']}
    assert asked == pinned - {'pytest'}


def test_its_packages_are_all_of_the_trainer_and_what_it_shares_with_the_node():
    listed = set(DESCRIBED['tool']['setuptools']['packages']) - {'training.presets'}
    there = {
        '.'.join(folder.relative_to(ROOT).parent.parts)
        for package in ('training', 'restore_node')
        for folder in (ROOT / package).rglob('__init__.py')
    }
    vehicle = {name for name in there if name.startswith(('restore_node.ros', 'restore_node.tools'))}
    assert listed == there - vehicle


def run(folder, command, *arguments):
    return subprocess.run(
        [command, *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False
    )


def test_every_command_says_how_it_is_called(installed, tmp_path):
    for name in ('restore-train', 'restore-evaluate', 'restore-export'):
        done = run(tmp_path, installed / name, '--help')
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f'usage: {name} ')
    assert set(DESCRIBED['project']['scripts']) <= {command.name for command in installed.iterdir()}


@pytest.mark.slow
def test_it_trains_exports_and_evaluates_in_any_folder(installed, photographs_root, tmp_path):
    short = ['schedule.steps=2', 'schedule.batch=2', 'data.pool=8', 'validation.patches=1', 'name=mine']
    roots = [f'data.roots=[{photographs_root}]', 'data.held_out=[coffee*]']
    short += ['start_from=restore-lite', 'network=lite']
    done = run(tmp_path, installed / 'restore-train', 'restore_lite', *roots, *short)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / 'runs/mine/run.json').read_text())
    assert made['commit'] == f'restore-train {DESCRIBED["project"]["version"]}'

    done = run(tmp_path, installed / 'restore-export', 'runs/mine/checkpoint.pt')
    assert done.returncode == 0, done.stderr
    for half in ('degraded', 'truth'):
        (tmp_path / half).mkdir()
        cv2.imwrite(str(tmp_path / half / '1.png'), cv2.imread(str(photographs_root / 'chelsea.png')))
    halves = ['--degraded', 'degraded', '--truth', 'truth']
    done = run(tmp_path, installed / 'restore-evaluate', '--model', 'models/mine.onnx', *halves)
    assert done.returncode == 0, done.stderr
    assert 'mine' in done.stdout


def test_an_unknown_configuration_names_those_that_come_along(installed, tmp_path):
    done = run(tmp_path, installed / 'restore-train', 'restore_light')
    assert done.returncode == 2
    assert 'restore_lite' in done.stderr
    assert done.stderr.count('\n') == 1
