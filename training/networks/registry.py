"""The networks that configs and model cards name: those of this project, and anybody's as `module:Class`.

Whether one keeps the contract of generators is found by letting one small image through it.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from restore_node.common.errors import ConfigError
from training.networks.generator import Generator
from training.networks.lite import DeepLite, Lite
from training.networks.nafnet import NAFNet
from training.networks.restormer import Restormer

_ROWS_PX = 48
_FAR_OUT = 16.0
"""Of the middle value of an output: what random weights make of 0..1 is smaller, a count to 255 larger."""

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    'paper': Generator,
    'lite-small': lambda: Lite(widths=(16, 48, 64), blocks=1, dilations=(1, 2)),
    'lite': lambda: Lite(widths=(32, 64, 96), blocks=1, dilations=(1, 2, 1)),
    'lite-deep': lambda: DeepLite(widths=(16, 64, 96, 160), down=(0, 0, 1, 3), up=(0, 1, 1)),
    'lite-base': lambda: Lite(widths=(48, 96, 144), blocks=4, dilations=(1, 2) * 4),
    'nafnet': NAFNet,
    'restormer': Restormer,
}
"""What makes a network of each name; its keywords are the options that a config can set."""


def build(name: str, **options: Any) -> nn.Module:
    """A new network with random weights, which has a `size_multiple`.

    Args:
        name: a key of `NETWORKS`, or `package.module:Class` of anybody's network: a class, or a function that
            makes one, found as Python finds modules and in the working folder. What such a network has to be
            is written in docs/contracts.md, section 9.
        options: keywords of the network.

    Raises ConfigError where no network has this name, it has no such option, it cannot be made with these
    values, or what is made is no network.
    """
    maker = NETWORKS[name] if name in NETWORKS else _imported(name)
    _check_options(name, maker, options)
    try:
        network = maker(**options)
    except ValidationError as error:
        faults = [
            f'{".".join(map(str, fault["loc"]))}: {fault["msg"]}, got {fault["input"]!r}'
            for fault in error.errors()
        ]
        raise ConfigError(f'options of the network {name}', seen=' | '.join(faults)) from error
    except Exception as error:  # of anybody's code
        raise ConfigError(
            f'the network {name} cannot be made', seen=f'{type(error).__name__}: {error}', wanted=str(options)
        ) from error
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f'{name} is no network', seen=f'a {type(network).__name__}', wanted='a torch.nn.Module'
        )
    network.size_multiple = int(getattr(network, 'size_multiple', 1))
    return network


def check_generator(name: str, network: nn.Module) -> None:
    """Refuse a network that does not return images as it takes them (docs/contracts.md, section 9).

    It is left in evaluation mode; `name` is for the message. Raises ConfigError where it has nothing to
    learn, fails on an image of its multiples, or returns anything but a float tensor of the image's shape on
    the scale of 0..1.
    """
    if not any(weights.requires_grad for weights in network.parameters()):
        raise ConfigError(f'the network {name} has no parameters to train')
    multiple = network.size_multiple
    rows = -(-_ROWS_PX // multiple) * multiple
    images = torch.rand(1, 3, rows, rows + multiple, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            restored = network.eval()(images)
    except Exception as error:  # of anybody's code
        raise ConfigError(
            f'the network {name} fails on an image',
            seen=f'{type(error).__name__}: {error}',
            wanted=f'float32 {list(images.shape)}, 0..1, in and out',
            fix='pad inside the network, or say in its class what H and W must be multiples of, such as '
            'size_multiple = 8',
        ) from error
    fault = _fault(restored, images)
    if fault:
        raise ConfigError(
            f'the network {name} does not return an image',
            seen=fault,
            wanted=f'one float tensor {list(images.shape)} RGB, 0..1, as what goes in',
            fix='return the restored image alone, on the scale of 0..1',
        )


def _fault(restored: object, images: Tensor) -> str:
    if not isinstance(restored, Tensor):
        length = f' of {len(restored)}' if isinstance(restored, list | tuple | dict) else ''
        return f'a {type(restored).__name__}{length}'
    if restored.shape != images.shape or not restored.is_floating_point():
        return f'{str(restored.dtype).removeprefix("torch.")} {list(restored.shape)}'
    middle = restored.abs().median().item()
    return '' if middle < _FAR_OUT else f'values around {middle:.3g}'


def _imported(name: str) -> Callable[..., Any]:
    module_name, colon, attribute = name.partition(':')
    if not (module_name and colon and attribute):
        known = ', '.join(sorted(NETWORKS))
        raise ConfigError(
            'unknown network', seen=name, wanted=f'one of {known}, or package.module:Class of your own'
        )
    if not {'', str(Path.cwd())} & set(sys.path):
        # Installed commands do not look there, as `python -m` does.
        sys.path.append(str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # of anybody's code
        raise ConfigError(
            f'the module of network={name} cannot be imported',
            seen=f'{type(error).__name__}: {error}',
            wanted=f'a module {module_name} in {Path.cwd()} or on the Python path',
            fix='run the command where it lies, or put its folder into PYTHONPATH',
        ) from error
    maker = getattr(module, attribute, None)
    if not callable(maker) or (isinstance(maker, type) and not issubclass(maker, nn.Module)):
        own = [
            key
            for key, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module_name
        ]
        raise ConfigError(
            f'{module_name} has no network {attribute}',
            seen='no such name' if maker is None else repr(maker),
            wanted=f'a torch.nn.Module, or a function that makes one; {", ".join(own) or "none"} is there',
        )
    return maker


def _check_options(name: str, maker: Callable[..., Any], options: dict[str, Any]) -> None:
    signature = inspect.signature(maker)
    fixed = {key: entry for key, entry in signature.parameters.items() if not str(entry).startswith('*')}
    unknown = sorted(set(options) - set(fixed))
    if unknown and not any(str(entry).startswith('**') for entry in signature.parameters.values()):
        raise ConfigError(
            f'unknown option of the network {name}',
            seen=', '.join(unknown),
            wanted=f'some of {", ".join(fixed)}' if fixed else 'none, it has no options',
        )
    missing = [key for key, entry in fixed.items() if entry.default is entry.empty and key not in options]
    if missing:
        raise ConfigError(
            f'the network {name} wants options that are not given',
            seen=', '.join(options) or 'none',
            wanted=', '.join(missing),
            fix=f'network_options.{missing[0]}=VALUE',
        )
