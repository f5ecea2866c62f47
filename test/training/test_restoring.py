import numpy as np
import pytest
import torch
from workbench import lively

from restore_node.common.errors import ConfigError
from training.evaluation.restoring import restore_with
from training.evaluation.tiling import Tiles, in_tiles, reach_px
from training.networks.registry import NETWORKS, build

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def network():
    """A network that changes its input, and whose every pixel depends on many."""
    return lively(seed=4)


def noise(height, width):
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize('size', [(64, 96), (61, 75), (1, 1), (3, 40)])
def test_any_size_comes_back_in_its_size(network, size):
    image = noise(*size)
    restored = restore_with(network, CPU)(image)
    assert restored.shape == image.shape
    assert restored.dtype == np.uint8
    assert not np.array_equal(restored, image)


def test_a_multiple_is_met_by_the_nodes_mirror(network):
    image = noise(61, 75)
    mirrored = np.pad(image, ((0, 3), (0, 5), (0, 0)), mode='reflect')
    restore = restore_with(network, CPU)
    assert np.array_equal(restore(image), restore(mirrored)[:61, :75])


CONVOLUTIONAL = [name for name in NETWORKS if name not in ('nafnet', 'restormer')]


def far_sighted(name):
    """A network in double precision, of few channels where it has the choice, that looks as far as it can."""
    torch.manual_seed(4)
    network = build(name, **({'widths': (8, 8, 8)} if name == 'paper' else {})).eval()
    torch.nn.init.normal_((network.layers[-1] if name == 'paper' else network.leave).weight, std=0.02)
    for part, weights in network.named_parameters():
        if part.endswith('scale'):
            torch.nn.init.ones_(weights)
    return network.double()


@pytest.mark.parametrize('name', CONVOLUTIONAL)
def test_the_reach_is_what_gradients_say(name):
    network = far_sighted(name)
    cut, reach = 256, reach_px(network)
    frames = torch.rand(1, 3, 32, 512, dtype=torch.float64, requires_grad=True)

    def most_felt(outputs, inputs):
        (gradient,) = torch.autograd.grad(network(frames)[..., outputs].sum(), frames)
        return float(gradient[..., inputs].abs().max())

    before, behind = slice(None, cut), slice(cut, None)
    assert most_felt(slice(None, cut - reach), behind) == 0.0
    assert most_felt(slice(cut + reach, None), before) == 0.0
    assert most_felt(cut - reach, behind) + most_felt(cut + reach - 1, before) > 0.0


@pytest.mark.parametrize('name', CONVOLUTIONAL)
def test_tiles_restore_what_the_whole_image_does(name):
    network = far_sighted(name)
    tiles = Tiles.of(network, 544)
    assert reach_px(network) <= tiles.context_px
    frames = torch.rand(1, 3, 32, 800, dtype=torch.float64)
    with torch.inference_mode():
        whole, tiled = network(frames), in_tiles(network, frames, tiles)
    assert (whole - frames).abs().max() > 0.01
    assert torch.allclose(whole, tiled, rtol=0.0, atol=1e-9)


def test_an_image_in_tiles_is_the_image(network):
    image = noise(61, 533)
    whole, tiled = (restore_with(network, CPU, tile_px)(image).astype(int) for tile_px in (None, 256))
    assert np.abs(whole - tiled).max() <= 1
    assert (whole != tiled).mean() < 1e-3


def test_a_network_that_sees_all_has_no_tiles():
    with pytest.raises(ConfigError, match='looks too far'):
        reach_px(torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.InstanceNorm2d(3)))


def test_tiles_fade_into_each_other():
    """Each tile gets a brightness of its own: joined, no two neighbouring pixels may differ by much."""
    calls = []

    def run(frames):
        calls.append(frames.shape[-1])
        return torch.full_like(frames, float(len(calls)))

    joined = in_tiles(run, torch.zeros(1, 3, 32, 640), Tiles(256, 96))
    assert len(calls) > 2
    assert max(calls) <= 256
    assert joined[..., 0].unique() == 1.0
    assert joined[..., -1].unique() == len(calls)
    assert joined.diff(dim=-1).abs().max() < 2 / 32 + 1e-6


def test_an_image_of_one_tile_is_run_whole():
    seen = []
    in_tiles(lambda frames: seen.append(frames.shape) or frames, torch.zeros(1, 3, 200, 256), Tiles(256, 96))
    assert seen == [(1, 3, 200, 256)]


@pytest.mark.parametrize(
    ('name', 'tile_px', 'smallest'), [('lite', 100, 256), ('lite', 300, 256), ('lite-base', 512, 544)]
)
def test_impossible_tiles_are_refused(name, tile_px, smallest):
    with pytest.raises(ConfigError, match=f'{smallest} or more'):
        restore_with(build(name), CPU, tile_px)


def test_a_tile_that_does_not_fit_is_halved_as_far_as_the_network_lets_it():
    assert Tiles(1024, 144).halved_px == 512
    assert Tiles(416, 144).halved_px == 352
