"""The generator of a run."""

from torch import nn

from training.config.run import TrainConfig
from training.networks.registry import build


def generator_of(config: TrainConfig) -> nn.Module:
    """The network that a configuration names, with random weights; raises ConfigError where none is made."""
    return build(config.network, **config.network_options)
