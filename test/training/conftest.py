"""Real photographs, a configuration and a short run for the training tests."""

import os

import pytest

# These networks are too small for two threads to help, and the other core has tests of its own to run.
os.environ.setdefault('OMP_NUM_THREADS', '1')


@pytest.fixture(scope='session')
def photographs_root(tmp_path_factory):
    """Photographs that come with scikit-image, as a folder."""
    cv2 = pytest.importorskip('cv2')
    data = pytest.importorskip('skimage.data', reason='the training environment is not set up')
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
def rng():
    return pytest.importorskip('numpy').random.default_rng(5)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """What is remembered about files goes into a folder of these tests, not into the user's."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.getbasetemp() / 'cache'))
