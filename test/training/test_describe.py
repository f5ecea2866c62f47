import pytest
from torch import nn

from training.commands.describe import main
from training.networks.costs import layers, macs_per_pixel, parameters
from training.networks.registry import NETWORKS


def test_every_network_is_listed_with_its_costs(capsys):
    assert main([]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert {row[0] for row in rows} == {'network', 'discriminator', *NETWORKS}
    assert ['paper', '11,378,179', '756,096', '4'] in rows


def test_a_network_is_listed_by_layers(capsys):
    assert main(['discriminator']) == 0
    printed = capsys.readouterr().out
    assert '512 x 16 x 16   2,097,664' in printed
    assert 'discriminator: 3,094,530 parameters, 17,188 MAC per pixel' in printed


def test_options_reach_the_network(capsys):
    assert main(['paper', 'block=nah', 'widths=[16, 32, 64]']) == 0
    assert 'layers.11.change.2' in capsys.readouterr().out


@pytest.mark.parametrize(
    'arguments',
    [['nonesuch'], ['paper', 'blocks'], ['paper', 'blocks=['], ['paper', 'blok=1'], ['discriminator', 'a=1']],
)
def test_mistakes_are_one_line(arguments, refused):
    refused(main, *arguments)


def test_transposed_convolutions_and_matrix_products_count():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ConvTranspose2d(8, 2, 2, stride=2))
    assert macs_per_pixel(network, side=64) == round((3 * 8 * 9 + 8 * 2 * 4) / 4)
    assert parameters(network) == 3 * 8 * 9 + 8 + 8 * 2 * 4 + 2
    dense = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 640))
    assert macs_per_pixel(dense, side=8) == 3 * 640
    assert [layer.shape for layer in layers(dense, side=8)] == [(640,)]
    assert dense[1].weight.device.type == 'cpu'
