"""The generator of a run: as it begins, and as it was trained."""

from pathlib import Path
from typing import NamedTuple

from torch import nn

from training.config.run import TrainConfig, parse_config
from training.networks.local_statistics import use_windows
from training.networks.registry import build
from training.runs import checkpoint
from training.runs.checkpoint import Checkpoint


class Trained(NamedTuple):
    """The averaged generator of a checkpoint, in evaluation mode on the CPU, and where it comes from."""

    network: nn.Module
    saved: Checkpoint
    config: TrainConfig


def generator_of(config: TrainConfig) -> nn.Module:
    """The network that a configuration names, with random weights; raises ConfigError where none is made.

    In evaluation mode it takes statistics over windows that fit its training crops (local_statistics.py).
    """
    network = build(config.network, **config.network_options)
    use_windows(network, config.data.crop_px)
    return network


def trained_generator(path: Path) -> Trained:
    """Read a checkpoint; raises RestoreError where it cannot be read, or its network cannot be made."""
    saved = checkpoint.load(path)
    config = parse_config(saved.config, str(path))
    network = generator_of(config)
    checkpoint.fill(network, saved.average)
    return Trained(network.eval(), saved, config)
