"""Real photographs, a configuration and a short run for the training tests."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

# These networks are too small for two threads to help, and the other core has tests of its own to run.
os.environ.setdefault('OMP_NUM_THREADS', '1')


class TrainingModule(pytest.Module):
    """A module that is skipped, and not even imported, where there is no PyTorch."""

    def collect(self):
        pytest.importorskip('torch', reason='the training environment is not set up')
        return super().collect()


def pytest_pycollect_makemodule(module_path, parent):
    return TrainingModule.from_parent(parent, path=module_path)


@pytest.fixture(scope='session')
def photographs_root(tmp_path_factory):
    """Photographs that come with scikit-image, as a folder."""
    import cv2
    from skimage import data

    root = tmp_path_factory.mktemp('photographs')
    for name in ('astronaut', 'chelsea', 'coffee'):
        cv2.imwrite(str(root / f'{name}.png'), getattr(data, name)()[..., ::-1])
    return root


@pytest.fixture
def run_values(photographs_root):
    """Values of a configuration that trains for a few steps."""
    return {
        'name': 'short',
        'task': 'restore',
        'network': 'lite',
        'seed': 3,
        'data': {
            'roots': [str(photographs_root)],
            'sets': [{'name': 'scikit-image', 'files': '*', 'terms': 'public domain'}],
            'held_out': ['coffee*'],
            'patch_px': 128,
            'crop_px': 64,
            'pool': 8,
            'reuse': 8,
        },
        'schedule': {'batch': 2, 'steps': 4, 'warmup_steps': 0},
        'validation': {'kinds': ['clean', 'blur'], 'patches': 2},
        'log_seconds': 0.001,
    }


@pytest.fixture
def write_config(run_values, tmp_path):
    """Writes that configuration, with other values of some keys, into a file, and returns its path."""

    def write(**changes):
        path = tmp_path / 'config.yaml'
        # JSON is YAML.
        path.write_text(json.dumps(run_values | changes))
        return str(path)

    return write


@pytest.fixture
def refused(capsys):
    """Runs a command that must end with one line of error, and returns that line."""

    def run(main, *arguments):
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith('error: ')
        return line

    return run


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture(scope='session')
def installed(tmp_path_factory):
    """The commands of the trainer, installed by pip in a fresh environment beside these libraries."""
    folder = tmp_path_factory.mktemp('installed')
    pip = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check']
    options = ['--no-deps', '--no-build-isolation', '--wheel-dir', folder]
    subprocess.run([*pip, 'wheel', *options, Path(__file__).parents[2] / 'training'], check=True)
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', folder / 'venv'], check=True)
    python = folder / 'venv' / 'bin' / 'python'
    (wheel,) = folder.glob('*.whl')
    subprocess.run([*pip, '--python', python, 'install', '--no-deps', wheel], check=True)
    place = folder / 'venv' / 'lib' / Path(sysconfig.get_path('purelib')).parts[-2] / 'site-packages'
    (place / 'libraries.pth').write_text(sysconfig.get_path('purelib') + '\n')
    return python.parent
