"""The networks that configs and model cards name."""

from collections.abc import Callable

from torch import nn

from restore_node.errors import ConfigError
from training.networks.lite import Lite

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    'lite': lambda: Lite(widths=(32, 64, 96), blocks=1, dilations=(1, 2)),
    'lite-deep': lambda: Lite(widths=(32, 64, 96), blocks=1, dilations=(1, 2, 1)),
}


def build(name: str) -> nn.Module:
    """A new network with random weights.

    Raises:
        ConfigError: no network has this name.
    """
    if name not in NETWORKS:
        raise ConfigError('unknown network', seen=name, wanted=f'one of {", ".join(sorted(NETWORKS))}')
    return NETWORKS[name]()
