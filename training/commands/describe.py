"""What networks cost: `python -m training.commands.describe [NAME [OPTION=VALUE ...]]`.

Without a name, all of them; with one, its layers, such as `paper block=nah` or `discriminator`.
"""

from typing import Any

from rich.table import Column, Table
from torch import nn

from restore_node.common.console import table_console
from restore_node.common.errors import ConfigError
from training.commands.cli import command_parser, one_line_errors
from training.config.run import split_assignment
from training.networks.costs import layers, macs_per_pixel, parameters
from training.networks.discriminator import SIDE, Discriminator
from training.networks.registry import NETWORKS, build

DISCRIMINATOR = 'discriminator'


def _make(name: str, **options: Any) -> nn.Module:
    if name != DISCRIMINATOR:
        return build(name, **options)
    if options:
        raise ConfigError('the discriminator has no options', seen=', '.join(options))
    return Discriminator()


def _networks_table() -> Table:
    table = Table('network', *_right('parameters', 'MAC per pixel', 'size multiple'), box=None)
    for name in (*sorted(NETWORKS), DISCRIMINATOR):
        network = _make(name)
        multiple = getattr(network, 'size_multiple', f'{SIDE}, no other size')
        table.add_row(name, f'{parameters(network):,}', f'{macs_per_pixel(network):,}', str(multiple))
    return table


def _layers_table(network: nn.Module) -> Table:
    table = Table('layer', 'kind', *_right(f'output for {SIDE} x {SIDE}', 'parameters'), box=None)
    for layer in layers(network):
        shape = ' x '.join(map(str, layer.shape))
        table.add_row(layer.name, type(layer.module).__name__, shape, f'{layer.parameters:,}')
    return table


def _right(*headers: str) -> list[Any]:
    return [Column(header, justify='right') for header in headers]


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Print what networks cost."""
    parser = command_parser(__file__, __doc__)
    parser.add_argument('network', nargs='?', help=f'{", ".join(sorted(NETWORKS))} or {DISCRIMINATOR}')
    parser.add_argument('options', nargs='*', metavar='OPTION=VALUE', help='of the network')
    asked = parser.parse_args(arguments)
    console = table_console()
    if asked.network is None:
        console.print(_networks_table())
        return
    options = dict(split_assignment(option, 'such as block=nah') for option in asked.options)
    network = _make(asked.network, **options)
    console.print(_layers_table(network))
    costs = f'{parameters(network):,} parameters, {macs_per_pixel(network):,} MAC per pixel'
    console.print(f'{asked.network}: {costs}', highlight=False)


if __name__ == '__main__':
    raise SystemExit(main())
