"""Anybody's network, named as `module:Class`: trained, resumed, exported and counted as it is."""

import sys

import numpy as np
import pytest

from restore_node.common.errors import ConfigError
from restore_node.model import load_model
from training.commands import describe, export, train
from training.evaluation.systems import open_system
from training.networks.registry import build, check_generator

SOURCE = '''
import torch
from torch import nn

class Padded(nn.Module):
    """Pads by itself to what its pooling wants, as most published networks do."""

    def __init__(self, width=8, depth=1):
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        rates = [rate.item() for rate in torch.linspace(0, 0.1, depth)]
        self.body = nn.Sequential(*(nn.Conv2d(width, width, 3, padding=1) for _ in rates))
        self.weigh = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, width, 1), nn.Sigmoid())
        self.leave = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, images):
        rows, columns = images.shape[-2:]
        padded = nn.functional.pad(images, (0, -columns % 4, 0, -rows % 4))
        features = nn.functional.avg_pool2d(self.enter(padded), 4)
        features = self.body(features) * self.weigh(features)
        grown = nn.functional.interpolate(features, scale_factor=4.0, mode='nearest')
        return (padded + self.leave(grown))[:, :, :rows, :columns]

class InEights(Padded):
    size_multiple = 8

    def forward(self, images):
        assert images.shape[-2] % 8 == images.shape[-1] % 8 == 0, 'want multiples of 8'
        return images + self.leave(self.enter(images))

class Strict(InEights):
    size_multiple = 1

class Bytes(Padded):
    def forward(self, images):
        return 255.0 * torch.sigmoid(self.leave(self.enter(images)))

class Pyramid(Padded):
    def forward(self, images):
        return [images, images[..., ::2, ::2]]

class Half(Padded):
    def forward(self, images):
        return self.leave(self.enter(images))[..., ::2, ::2]

class Fixed(nn.Module):
    def forward(self, images):
        return images

class Needy(Padded):
    def __init__(self, channels):
        super().__init__(channels)

class Text(str):
    pass

def padded(**options):
    return Padded(**options)

def text():
    return 'no network'
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a module of networks, in which the commands run."""
    (tmp_path / 'own_networks.py').write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', [entry for entry in sys.path if entry])
    yield tmp_path
    sys.modules.pop('own_networks', None)


@pytest.mark.parametrize(
    ('name', 'options', 'said'),
    [
        ('nonesuch', {}, 'unknown network: got nonesuch, want one of lite, lite-base, '),
        ('nonesuch', {}, 'package.module:Class'),
        ('no_such_module:Net', {}, "No module named 'no_such_module'"),
        ('own_networks:Nonesuch', {}, 'Padded, InEights'),
        ('own_networks:Text', {}, 'want a torch.nn.Module'),
        ('own_networks:text', {}, 'got a str, want a torch.nn.Module'),
        ('own_networks:Padded', {'depht': 3}, 'got depht, want some of width, depth'),
        ('own_networks:Needy', {}, 'want channels'),
        ('own_networks:Padded', {'width': 'wide'}, 'TypeError'),
    ],
)
def test_what_is_no_network_is_refused_in_one_line(own, name, options, said):
    with pytest.raises(ConfigError) as caught:
        build(name, **options)
    assert said in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_module_that_breaks_is_one_line(own):
    (own / 'broken_networks.py').write_text('import nothing_like_it\n')
    with pytest.raises(ConfigError, match="No module named 'nothing_like_it'"):
        build('broken_networks:Net')


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('Strict', 'want multiples of 8'),
        ('Bytes', 'values around 1'),
        ('Pyramid', 'a list of 2'),
        ('Half', 'float32 [1, 3, 24, 25]'),
        ('Fixed', 'no parameters to train'),
    ],
)
def test_what_returns_no_image_is_refused_in_one_line(own, name, said):
    with pytest.raises(ConfigError) as caught:
        check_generator(name, build(f'own_networks:{name}'))
    assert said in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('name', ['Padded', 'InEights', 'padded'])
def test_what_keeps_the_contract_is_accepted(own, name):
    check_generator(name, build(f'own_networks:{name}', width=4))


def test_its_layers_and_arithmetic_are_counted(own, capsys):
    assert describe.main(['own_networks:Padded', 'width=4', 'depth=2']) == 0
    printed = capsys.readouterr().out
    assert 'body.1' in printed
    # What enters and leaves at full resolution, two layers at a quarter, and one that weighs.
    exact = 2 * 3 * 4 * 9 + 2 * 4 * 4 * 9 / 16 + 4 * 4 / 256**2
    assert f'{round(exact):,} MAC per pixel' in printed


@pytest.mark.parametrize('name', ['Padded', 'InEights'])
def test_it_is_trained_resumed_and_exported(own, write_config, name):
    own_values = {'network': f'own_networks:{name}', 'network_options': {'width': 4}}
    folder = [write_config(**own_values), '--folder', 'run']
    assert train.main([*folder, 'schedule.steps=2']) == 0
    assert train.main([*folder, 'schedule.steps=4', '--resume']) == 0
    assert export.main(['run/checkpoint.pt', '--name', 'own', '--out', 'models']) == 0
    model = load_model('models/own.onnx')
    assert model.card.training['steps'] == 4
    assert model.card.macs_per_pixel > 0
    photograph = np.random.default_rng(0).integers(0, 256, (45, 67, 3), dtype=np.uint8)
    with open_system('models/own.onnx', device='cpu') as graph, open_system('run/checkpoint.pt') as network:
        restored = [system.restore('', photograph).astype(int) for system in (graph, network)]
    assert np.abs(restored[0] - restored[1]).max() <= 1
