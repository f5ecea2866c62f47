"""The generator of a run."""

from torch import nn

from training.config.run import TrainConfig
from training.networks.local_statistics import use_windows
from training.networks.registry import build


def generator_of(config: TrainConfig) -> nn.Module:
    """The network that a configuration names, with random weights; raises ConfigError where none is made.

    In evaluation mode it takes statistics over windows that fit its training crops (local_statistics.py).
    """
    network = build(config.network, **config.network_options)
    use_windows(network, config.data.crop_px)
    return network
