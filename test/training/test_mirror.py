"""Weights & Biases beside TensorBoard, offline."""

import sys

import pytest

from restore_node.common.errors import ConfigError
from training.commands.train import train
from training.config.run import parse_config
from training.loop.records import start_mirror
from training.runs.folder import RunFolder


def test_where_it_is_not_installed_it_says_so(run_values, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'wandb', None)
    with pytest.raises(ConfigError, match='pip install wandb'):
        start_mirror(parse_config(run_values | {'wandb': 'project'}, 'test'), RunFolder(tmp_path))


def test_it_gets_what_tensorboard_gets_and_goes_on_under_one_name(run_values, tmp_path, monkeypatch):
    pytest.importorskip('wandb', reason='Weights & Biases is optional')
    monkeypatch.setenv('WANDB_MODE', 'offline')
    config = parse_config(run_values | {'wandb': 'project', 'schedule': {'batch': 2, 'steps': 1}}, 'test')
    train(config, 'test.yaml', tmp_path / 'run')
    longer = parse_config(run_values | {'wandb': 'project', 'schedule': {'batch': 2, 'steps': 2}}, 'test')
    train(longer, 'test.yaml', tmp_path / 'run', resume=True)
    records = sorted((tmp_path / 'run' / 'wandb').glob('offline-run-*/run-*.wandb'))
    assert len(records) == 2
    assert len({record.name for record in records}) == 1
    assert all(b'train/loss' in record.read_bytes() for record in records)
