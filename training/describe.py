"""What networks cost: `python -m training.describe [NAME [OPTION=VALUE ...]]`.

Without a name, all of them; with one, its layers, such as `paper block=nah` or `discriminator`.
"""

import argparse
import copy
from dataclasses import dataclass
from typing import Any

import torch
import yaml
from rich.console import Console
from rich.table import Column, Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from restore_node.errors import ConfigError, RestoreError
from training.commands import report_errors
from training.networks.discriminator import SIDE, Discriminator
from training.networks.registry import NETWORKS, build

DISCRIMINATOR = 'discriminator'


@dataclass(frozen=True)
class Layer:
    """A part of a network with weights of its own.

    Attributes:
        name: as in the network's state dict.
        module: the part itself, without storage.
        shape: of its output for one image, [C, H, W] or [features].
        parameters: trainable ones.
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    parameters: int


def parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)


def macs_per_pixel(network: nn.Module, side: int = SIDE) -> int:
    """Multiply-accumulates of convolutions and matrix products per input pixel, rounded, for a square image.

    Args:
        network: takes float32 [N, 3, H, W].
        side: H and W of that image, a multiple of the network's.
    """
    with FlopCounterMode(display=False) as counter:
        _run(_without_storage(network), side)
    # PyTorch counts a multiply-accumulate as two operations.
    return round(counter.get_total_flops() / (2 * side**2))


def layers(network: nn.Module, side: int = SIDE) -> list[Layer]:
    """The parts of a network that have weights, in the order in which a square image passes through them."""
    network = _without_storage(network)
    passed: list[Layer] = []

    def record(name: str) -> Any:
        def hook(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            passed.append(Layer(name, module, tuple(output.shape[1:]), parameters(module)))

        return hook

    for name, module in network.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            module.register_forward_hook(record(name))
    _run(network, side)
    return passed


def _without_storage(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).to('meta').eval()


def _run(network: nn.Module, side: int) -> None:
    with torch.no_grad():
        network(torch.zeros(1, 3, side, side, device='meta'))


def _make(name: str, **options: Any) -> nn.Module:
    with torch.device('meta'):
        if name != DISCRIMINATOR:
            return build(name, **options)
        if options:
            raise ConfigError('the discriminator has no options', seen=', '.join(options))
        return Discriminator()


def _costs(network: nn.Module) -> str:
    return f'{parameters(network):,} parameters, {macs_per_pixel(network):,} MAC per pixel'


def _networks_table() -> Table:
    table = Table('network', *_right('parameters', 'MAC per pixel', 'size multiple'), box=None)
    for name in sorted(NETWORKS):
        network = _make(name)
        table.add_row(
            name, f'{parameters(network):,}', f'{macs_per_pixel(network):,}', str(network.size_multiple)
        )
    critic = _make(DISCRIMINATOR)
    table.add_row(
        DISCRIMINATOR, f'{parameters(critic):,}', f'{macs_per_pixel(critic):,}', f'{SIDE}, no other size'
    )
    return table


def _layers_table(network: nn.Module) -> Table:
    table = Table('layer', 'kind', *_right(f'output for {SIDE} x {SIDE}', 'parameters'), box=None)
    for layer in layers(network):
        shape = ' x '.join(map(str, layer.shape))
        table.add_row(layer.name, type(layer.module).__name__, shape, f'{layer.parameters:,}')
    return table


def _right(*headers: str) -> list[Any]:
    return [Column(header, justify='right') for header in headers]


def _options(pairs: list[str]) -> dict[str, Any]:
    options = {}
    for pair in pairs:
        name, equals, text = pair.partition('=')
        if not (name and equals):
            raise ConfigError('cannot understand the option', seen=pair, wanted='OPTION=VALUE')
        try:
            options[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f'option {pair}', seen=error, wanted='a YAML value after =') from error
    return options


def main(arguments: list[str] | None = None) -> int:
    """Print what networks cost. Returns the exit code."""
    parser = argparse.ArgumentParser(prog='python -m training.describe', description=__doc__)
    parser.add_argument('network', nargs='?', help=f'{", ".join(sorted(NETWORKS))} or {DISCRIMINATOR}')
    parser.add_argument('options', nargs='*', metavar='OPTION=VALUE', help='of the network')
    asked = parser.parse_args(arguments)
    console = Console()
    try:
        if asked.network is None:
            console.print(_networks_table())
            return 0
        network = _make(asked.network, **_options(asked.options))
    except RestoreError as error:
        return report_errors(error)
    console.print(_layers_table(network))
    console.print(f'{asked.network}: {_costs(network)}', highlight=False)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
