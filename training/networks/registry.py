"""The networks that configs and model cards name."""

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from torch import nn

from restore_node.common.errors import ConfigError
from training.networks.deep_lite import DeepLite
from training.networks.generator import Generator
from training.networks.lite import Lite

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    'paper': Generator,
    'lite-small': lambda: Lite(widths=(16, 48, 64), blocks=1, dilations=(1, 2)),
    'lite': lambda: Lite(widths=(32, 64, 96), blocks=1, dilations=(1, 2, 1)),
    'lite-deep': lambda: DeepLite(widths=(16, 64, 96, 160), down=(0, 0, 1, 3), up=(0, 1, 1)),
    'lite-base': lambda: Lite(widths=(64, 128, 192), blocks=2, dilations=(1, 2, 1, 2)),
}
"""What makes a network of each name; its keywords are the options that a config can set."""


def build(name: str, **options: Any) -> nn.Module:
    """A new network with random weights.

    Under `torch.device('meta')` it costs nothing, which is enough to check a name and its options.

    Raises:
        ConfigError: no network has this name, it has no such option, or a value is impossible.
    """
    if name not in NETWORKS:
        raise ConfigError('unknown network', seen=name, wanted=f'one of {", ".join(sorted(NETWORKS))}')
    known = inspect.signature(NETWORKS[name]).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f'unknown option of the network {name}',
            seen=', '.join(unknown),
            wanted=f'some of {", ".join(known)}' if known else 'none, it has no options',
        )
    try:
        return NETWORKS[name](**options)
    except ValidationError as error:
        faults = [
            f'{".".join(map(str, fault["loc"]))}: {fault["msg"]}, got {fault["input"]!r}'
            for fault in error.errors()
        ]
        raise ConfigError(f'options of the network {name}', seen=' | '.join(faults)) from error
