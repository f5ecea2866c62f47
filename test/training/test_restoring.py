import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='the training environment is not set up')

from restore_node.errors import ConfigError
from training.evaluation.restoring import CONTEXT_PX, in_tiles, restore_with
from training.networks.registry import build

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def network():
    """A network that changes its input, and whose every pixel depends on many."""
    torch.manual_seed(4)
    network = build('lite').eval()
    torch.nn.init.normal_(network.leave.weight, std=0.02)
    return network


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


def test_tiles_restore_what_the_whole_image_does(network):
    image = noise(421, 533)
    whole, tiled = (restore_with(network, CPU, tile_px)(image).astype(int) for tile_px in (None, 256))
    assert np.abs(whole - tiled).max() <= 1
    assert (whole != tiled).mean() < 1e-3


def test_tiles_fade_into_each_other():
    """Each tile gets a brightness of its own: joined, no two neighbouring pixels may differ by much."""
    calls = []

    def run(frames):
        calls.append(frames.shape[-1])
        return torch.full_like(frames, float(len(calls)))

    joined = in_tiles(run, torch.zeros(1, 3, 32, 640), 256)
    assert len(calls) > 2
    assert max(calls) <= 256
    assert joined[..., 0].unique() == 1.0
    assert joined[..., -1].unique() == len(calls)
    assert joined.diff(dim=-1).abs().max() < 2 / 32 + 1e-6


def test_an_image_of_one_tile_is_run_whole():
    seen = []
    in_tiles(lambda frames: seen.append(frames.shape) or frames, torch.zeros(1, 3, 200, 256), 256)
    assert seen == [(1, 3, 200, 256)]


@pytest.mark.parametrize('tile_px', [100, 2 * CONTEXT_PX, 300])
def test_impossible_tiles_are_refused(network, tile_px):
    with pytest.raises(ConfigError, match='256 or more'):
        restore_with(network, CPU, tile_px)
