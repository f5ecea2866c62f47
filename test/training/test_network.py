import re
from pathlib import Path

import pytest
import torch

from training.networks.costs import macs_per_pixel, parameters
from training.networks.lite import FOLD, LiteBlock
from training.networks.registry import NETWORKS, build

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('name', NETWORKS)
@pytest.mark.parametrize('multiples', [(1, 1), (5, 3), (2, 11)])
def test_output_has_the_size_of_the_input_and_starts_as_the_identity(name, multiples):
    network = build(name).eval()
    rows, columns = (multiple * network.size_multiple for multiple in multiples)
    frames = torch.rand(2, 3, rows, columns)
    with torch.inference_mode():
        assert torch.allclose(network(frames), frames, atol=1e-6)


@pytest.mark.parametrize(
    ('name', 'most_macs'),
    [('lite-small', 8_000), ('lite', 20_000), ('lite-deep', 20_000), ('lite-base', 100_000)],
)
def test_the_lite_family_is_cheap_and_easy_for_tensorrt(name, most_macs):
    """Plain convolutions without normalisation, in multiples of 16 channels but for the folded pixels."""
    network = build(name)
    assert macs_per_pixel(network) <= most_macs
    pixels = 3 * FOLD * FOLD
    for module in network.modules():
        if next(module.parameters(recurse=False), None) is None or isinstance(module, LiteBlock):
            continue
        assert type(module) is torch.nn.Conv2d
        assert module.groups == 1
        sides = [module.in_channels, module.out_channels]
        assert not [channels for channels in sides if channels % 16 and channels != pixels]
    assert [module for module in network.modules() if getattr(module, 'in_channels', 0) == pixels] == [
        network.enter
    ]
    assert [module for module in network.modules() if getattr(module, 'out_channels', 0) == pixels] == [
        network.leave
    ]
    assert not list(network.buffers())


def test_the_documented_costs_are_those_of_the_networks():
    """The table of docs/training.md, row by row."""
    text = (ROOT / 'docs' / 'training.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\| `([\w-]+)` \| ([\d,]+) \| ([\d,]+) \|', text, re.MULTILINE)
    documented = {name: tuple(int(cell.replace(',', '')) for cell in cells) for name, *cells in rows}
    with torch.device('meta'):
        networks = {name: build(name) for name in NETWORKS}
    assert documented == {
        name: (parameters(network), macs_per_pixel(network)) for name, network in networks.items()
    }


def test_lite_sees_a_hundred_pixels():
    network = build('lite')
    torch.nn.init.normal_(network.leave.weight)
    frames = torch.rand(1, 3, 256, 256, requires_grad=True)
    network(frames)[0, :, 128, 128].sum().backward()
    columns = torch.nonzero(frames.grad[0].abs().sum((0, 1))).flatten()
    assert columns.max() - columns.min() >= 100
