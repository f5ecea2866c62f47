"""Crops that are degraded in batches on the training device are those that the loader would have made."""

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='the training environment is not set up')

from restore_node.common.errors import ConfigError
from restore_node.common.metrics import psnr
from training.commands.train import train
from training.config.run import parse_config
from training.data.feed import open_feed
from training.data.loader import batches
from training.data.patch_source import MARGIN_PX
from training.data.sharp_source import degrade_planned
from training.degradation.degrade import degrade
from training.runs import checkpoint

CPU = torch.device('cpu')


@pytest.fixture
def device_values(run_values):
    quiet = {'read_noise': [0.0, 0.0], 'shot_noise': [0.0, 0.0], 'jpeg_share': 0.0}
    return run_values | {
        'data': run_values['data'] | {'degrade_on': 'device'},
        'degradation': {
            'sensor': quiet,
            'blur': {'depth_share': 0.0, 'rolling_share': 0.0, 'highlight_share': 0.0},
        },
    }


def test_the_device_makes_what_the_reference_makes(device_values):
    source = open_feed(parse_config(device_values, 'test')).source
    degraded, sharp = degrade_planned(next(batches(source, 4)), CPU)
    assert degraded.shape == sharp.shape == (4, 3, 64, 64)
    assert degraded.dtype == sharp.dtype == torch.uint8
    inner = slice(MARGIN_PX, -MARGIN_PX)
    for index in range(4):
        crop, drawn = source.sample(index)
        assert np.array_equal(sharp[index].permute(1, 2, 0).numpy(), crop[inner, inner])
        wanted = degrade(crop, drawn)[inner, inner]
        assert psnr(degraded[index].permute(1, 2, 0).numpy(), wanted) > 45.0


def test_a_run_degrades_on_its_device(device_values, tmp_path):
    train(parse_config(device_values, 'test'), 'test.yaml', tmp_path / 'run')
    assert checkpoint.load(tmp_path / 'run' / 'checkpoint.pt').step == 4


def test_pairs_are_degraded_already(run_values):
    pairs = {'pairs': {'layout': 'folders', 'root': '.'}, 'degrade_on': 'device'}
    with pytest.raises(ConfigError, match='degraded already'):
        parse_config(run_values | {'data': pairs}, 'test')
