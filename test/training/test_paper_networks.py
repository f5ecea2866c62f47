import numpy as np
import onnx
import pytest
import torch
from torch import nn
from workbench import restored_by_both

from restore_node.common.errors import ConfigError
from training.model_file.graph import write_graph
from training.networks.costs import layers, macs_per_pixel, parameters
from training.networks.discriminator import Discriminator
from training.networks.generator import residual_block
from training.networks.layers import pad_by_reflection
from training.networks.registry import build

BLOCK = [('Conv2d', (256, 64, 64), 590_080)] * 3
GENERATOR = [
    ('Conv2d', (64, 256, 256), 9_472),
    ('Conv2d', (128, 128, 128), 73_856),
    ('Conv2d', (256, 64, 64), 295_168),
    *(6 * BLOCK),
    ('ConvTranspose2d', (128, 128, 128), 295_040),
    ('ConvTranspose2d', (64, 256, 256), 73_792),
    ('Conv2d', (3, 256, 256), 9_411),
]
# Table 1 with the size of each feature map as [C, H, W], stride, parameters, receptive field.
CRITIC_CONVOLUTIONS = [
    ((64, 128, 128), 2, 3_136, 142),
    ((64, 64, 64), 2, 65_600, 70),
    ((128, 32, 32), 2, 131_200, 34),
    ((256, 16, 16), 2, 524_544, 16),
    ((512, 16, 16), 1, 2_097_664, 7),
    ((1, 16, 16), 1, 8_193, 4),
]
CRITIC_DENSE = [((1024,), 263_168), ((1,), 1_025)]


@pytest.fixture
def small():
    """A generator that changes its input, in evaluation mode."""
    torch.manual_seed(0)
    network = build('paper', widths=[4, 8, 16], blocks=2).eval()
    nn.init.normal_(network.layers[-1].weight, std=0.1)
    return network


def blank(name, **options):
    with torch.device('meta'):
        return build(name, **options)


def test_the_generator_is_that_of_figure_4():
    network = blank('paper')
    passed = layers(network)
    assert [(type(layer.module).__name__, layer.shape, layer.parameters) for layer in passed] == GENERATOR
    assert [layer.module.kernel_size[0] for layer in passed] == [7, *[3] * 22, 7]
    assert parameters(network) == sum(row[2] for row in GENERATOR) == 11_378_179
    assert macs_per_pixel(network) == 756_096
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    activations = [type(module).__name__ for module in network.layers if 'ReLU' in type(module).__name__]
    assert activations == ['ReLU'] * 5


def test_the_generator_sees_165_columns():
    network = build('paper', widths=[1, 1, 1]).double().eval()
    for weights in network.parameters():
        nn.init.constant_(weights, 0.01)
    frames = torch.ones(1, 3, 8, 256, dtype=torch.float64, requires_grad=True)
    # The tanh and the clamp hide what they saturate, so the layers are asked.
    network.layers(frames)[0, :, 4, 128].sum().backward()
    columns = torch.nonzero(frames.grad.abs().sum((0, 1, 2))).flatten()
    # 128: 7x7 125..131, transposed 62..66 and 31..33, 18 convolutions 13..51, strided 25..103 and 49..207.
    assert (columns.min(), columns.max()) == (46, 210)


@pytest.mark.parametrize(
    ('form', 'activation', 'wanted'),
    [
        ('ours', None, [4.0, -2.08]),
        ('ours', 'relu', [4.0, -2.0]),
        ('nah', None, [4.0, -2.0]),
        ('nah', 'leaky_relu', [4.0, -2.4]),
        ('original', None, [4.0, 0.0]),
        ('original', 'leaky_relu', [4.0, -0.48]),
    ],
)
def test_residual_blocks_by_hand(form, activation, wanted):
    block = residual_block(form, channels=1, activation=activation, dropout=0.5).eval()
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.dirac_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    features = torch.tensor([2.0, -2.0]).reshape(1, 1, 1, 2)
    with torch.no_grad():
        assert block(features).flatten().tolist() == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ('form', 'weights'),
    [('original', 2 * (9 * 256**2 + 2 * 256)), ('nah', 2 * 590_080), ('ours', 3 * 590_080)],
)
def test_the_forms_of_figure_3_have_256_channels(form, weights):
    block = residual_block(form, channels=256, activation=None, dropout=0.5)
    assert parameters(block) == weights
    assert any(isinstance(module, nn.BatchNorm2d) for module in block.modules()) == (form == 'original')
    kinds = [type(module).__name__ for module in block.change]
    assert ('Dropout' in kinds) == (form == 'ours')


def test_dropout_works_between_the_first_two_convolutions_and_in_training_only(small):
    kinds = [type(module).__name__ for module in small.layers[6].change]
    assert kinds == ['Conv2d', 'LeakyReLU', 'Dropout', 'Conv2d', 'LeakyReLU', 'Conv2d']
    assert small.layers[6].change[2].p == 0.5
    frames = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(small(frames), small(frames))
        small.train()
        assert not torch.equal(small(frames), small(frames))


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (2, 3), (5, 7), (16, 12), (31, 33)])
def test_any_size_comes_back(small, size):
    frames = torch.rand(2, 3, *size)
    behind = [(0, -side % 4) for side in size]
    padded = torch.from_numpy(np.pad(frames.numpy(), [(0, 0), (0, 0), *behind], mode='reflect'))
    assert torch.equal(pad_by_reflection(frames, 4), padded)
    with torch.no_grad():
        restored = small(frames)
        assert torch.equal(restored, small(padded)[..., : size[0], : size[1]])
    assert restored.shape == frames.shape
    assert not torch.equal(restored, frames)


def test_the_tanh_is_added_on_minus_one_to_one_and_clamped(small):
    frames = torch.tensor([0.2, 0.6]).repeat(3, 4, 2)[None]
    small.layers[-1].weight.data.zero_()
    for bias, wanted in ((100.0, [0.7, 1.0]), (-100.0, [0.0, 0.1]), (0.5, [0.4310586, 0.8310586])):
        small.layers[-1].bias.data.fill_(bias)
        with torch.no_grad():
            assert small(frames)[0, 0, 0, :2].tolist() == pytest.approx(wanted, abs=1e-6)


def test_initial_weights_keep_the_size_of_the_signal():
    torch.manual_seed(0)
    network = build('paper', widths=[32, 64, 128]).eval()
    frames = 2.0 * torch.rand(2, 3, 32, 32) - 1.0
    with torch.no_grad():
        features = network.layers[:-1](frames)
    assert 0.5 < ((features**2).mean() / (frames**2).mean()).sqrt() < 2.0


def test_the_generator_exports_without_a_trace_of_its_padding(small, tmp_path):
    path = tmp_path / 'paper.onnx'
    write_graph(small, small.size_multiple, path)
    assert not {'Gather', 'Pad', 'Slice', 'Dropout'} & {node.op_type for node in onnx.load(path).graph.node}
    frames = np.random.default_rng(0).integers(0, 256, (2, 12, 20, 3), dtype=np.uint8)
    restored, wanted = restored_by_both(path, small, frames)
    assert np.abs(restored - wanted).max() <= 1
    assert np.abs(restored - frames).max() > 1


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'width': [1, 2, 3], 'depth': 2}, 'depth, width, want some of widths, blocks'),
        ({'widths': [4, 8]}, 'widths'),
        ({'widths': [4, 8, 0], 'block': 'theirs'}, r'widths\.2: .* \| block: .*theirs'),
        ({'dropout': 1.0}, 'dropout'),
    ],
)
def test_options_are_checked_all_at_once(options, message):
    with pytest.raises(ConfigError, match=message):
        blank('paper', **options)


def test_the_discriminator_is_that_of_table_1():
    with torch.device('meta'):
        network = Discriminator()
    passed = layers(network)
    convolutions, dense = passed[:6], passed[6:]
    seen = [(layer.shape, layer.module.stride[0], layer.parameters) for layer in convolutions]
    assert seen == [row[:3] for row in CRITIC_CONVOLUTIONS]
    assert [(layer.shape, layer.parameters) for layer in dense] == CRITIC_DENSE
    assert {layer.module.kernel_size for layer in convolutions} == {(4, 4)}
    field, fields = 1, []
    for layer in reversed(convolutions):
        field = (field - 1) * layer.module.stride[0] + layer.module.kernel_size[0]
        fields.insert(0, field)
    assert fields == [row[3] for row in CRITIC_CONVOLUTIONS]
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


def test_a_patch_score_sees_142_columns():
    network = Discriminator()
    images = torch.rand(1, 3, 256, 256, requires_grad=True)
    network.convolutions(images)[0, 0, 8, 8].backward()
    columns = torch.nonzero(images.grad.abs().sum((0, 1, 2))).flatten()
    assert columns.max() - columns.min() + 1 == 142


def test_a_critic_scores_each_image_by_itself_without_bounds():
    torch.manual_seed(0)
    network = Discriminator()
    images = torch.rand(2, 3, 256, 256)
    with torch.no_grad():
        scores = network(images)
        assert scores.shape == (2, 1)
        assert torch.allclose(scores[1:], network(images[1:]), atol=1e-5)
        # Inside, images are -1..1, so that grey is 0, and biases start at 0.
        assert network(torch.full_like(images, 0.5)).tolist() == [[0.0], [0.0]]
        network.dense[-1].weight *= 1000.0
        assert torch.allclose(network(images), 1000.0 * scores, rtol=1e-3)
        assert network(images).abs().max() > 10.0


@pytest.mark.parametrize('shape', [(1, 3, 255, 256), (1, 3, 512, 512), (1, 1, 256, 256)])
def test_the_discriminator_names_the_size_that_it_wants(shape):
    with pytest.raises(ConfigError, match=r'want \[N, 3, 256, 256\]'):
        Discriminator()(torch.zeros(shape))
