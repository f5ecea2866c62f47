"""NAFNet and Restormer: of the published sizes, with statistics that stay those of training crops."""

import numpy as np
import onnx
import pytest
import torch
from workbench import restored_by_both, trained

from restore_node.common.errors import ConfigError
from restore_node.messages import cdr, codec
from restore_node.messages.bag import BagReader, BagWriter, Message, Topic
from restore_node.messages.frame import Header
from restore_node.tools import restore_bag
from restore_node.tools.graph_check import faults_of_graph
from training.commands import export
from training.evaluation.systems import open_system
from training.model_file.graph import write_graph
from training.networks.costs import macs_per_pixel, parameters
from training.networks.local_statistics import ImageMean, use_windows, windowed_mean
from training.networks.registry import build

SMALL = {
    'nafnet': {'width': 8, 'encoder': (1, 1), 'decoder': (1, 1)},
    'restormer': {'width': 8, 'blocks': (1, 1, 1, 1), 'refinement': 1, 'heads': (1, 2, 2, 4)},
}


def small(name, crop_px=None):
    """A network whose every layer has a say, in evaluation mode."""
    torch.manual_seed(3)
    network = build(name, **SMALL[name]).eval()
    with torch.no_grad():
        for weights in network.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    if crop_px:
        use_windows(network, crop_px)
    return network


def test_the_sizes_are_the_published_ones():
    nafnet, restormer = build('nafnet'), build('restormer')
    assert parameters(nafnet) == 17_111_907  # 17.1 M, at width 32 for GOPRO
    assert round(macs_per_pixel(nafnet) * 256**2 / 1e9) == 16  # GMAC for 256x256
    assert parameters(restormer) == 26_126_644  # 26.13 M


@pytest.mark.parametrize(
    ('name', 'options', 'said'),
    [
        ('nafnet', {'encoder': [1, 1]}, 'encoder has 2 levels and decoder 4'),
        ('nafnet', {'width': 0}, 'width'),
        ('restormer', {'width': 6, 'heads': [4, 4, 4, 4]}, '6 channels do not divide into 4 heads'),
    ],
)
def test_impossible_options_are_named(name, options, said):
    with pytest.raises(ConfigError, match=said):
        build(name, **options)


@pytest.mark.parametrize(('rows', 'columns', 'window'), [(7, 9, 3), (7, 9, 4), (2, 9, 3), (1, 1, 5)])
def test_windows_stay_inside_the_image(rows, columns, window):
    cells = torch.rand(2, 3, rows, columns)
    means = windowed_mean(cells, window)
    for row in range(rows):
        for column in range(columns):
            top = max(0, min(row - window // 2, rows - window))
            left = max(0, min(column - window // 2, columns - window))
            wanted = cells[..., top : top + window, left : left + window].mean((2, 3))
            assert torch.allclose(means[..., row, column], wanted, atol=1e-6)


def test_a_mean_in_a_frame_is_that_of_a_training_crop():
    """A dark half and a bright one: each pixel is weighed by what lies around it, as it was in training."""
    frames = torch.cat((torch.zeros(1, 1, 64, 640), torch.ones(1, 1, 64, 640)), dim=3)
    mean = ImageMean(16, 16).eval()
    assert mean.spread(mean(frames)).flatten().tolist() == [0.5]
    use_windows(mean, 64)
    local = mean.spread(mean(frames))
    assert local.shape == frames.shape
    assert local[..., :560].abs().max() == 0.0
    assert (local[..., -560:] - 1.0).abs().max() < 1e-6
    assert mean.train()(frames).flatten().tolist() == [0.5]


@pytest.mark.parametrize('name', SMALL)
def test_windows_change_nothing_in_an_image_of_a_crop_s_size(name):
    images = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        globally, locally = small(name)(images), small(name, crop_px=64)(images)
        assert torch.allclose(locally, globally, atol=1e-5)
        larger = torch.rand(1, 3, 64, 256)
        assert not torch.allclose(small(name, crop_px=64)(larger), small(name)(larger), atol=1e-4)


@pytest.mark.parametrize('name', SMALL)
def test_any_size_goes_in(name):
    network = small(name, crop_px=64)
    with torch.inference_mode():
        for rows, columns in ((1, 1), (45, 67), (130, 33)):
            assert network(torch.rand(1, 3, rows, columns)).shape == (1, 3, rows, columns)


@pytest.mark.parametrize('name', ['nafnet', pytest.param('restormer', marks=pytest.mark.slow)])
def test_the_graph_is_the_network_at_every_size_and_tensorrt_reads_it(name, tmp_path):
    network = small(name, crop_px=64)
    multiple = network.size_multiple
    write_graph(network, multiple, tmp_path / 'graph.onnx')
    onnx.checker.check_model(onnx.load(tmp_path / 'graph.onnx'), full_check=True)
    assert faults_of_graph(tmp_path / 'graph.onnx') == []
    for count, rows, columns in ((1, 1, 1), (2, 5, 9), (1, 8, 2)):
        frames = np.random.default_rng(0).integers(
            0, 256, (count, rows * multiple, columns * multiple, 3), dtype=np.uint8
        )
        restored, wanted = restored_by_both(tmp_path / 'graph.onnx', network, frames)
        assert np.abs(restored - wanted).max() <= 1


@pytest.mark.slow
def test_a_small_nafnet_trains_exports_and_restores_a_bag(run_values, tmp_path):
    options = {'network': 'nafnet', 'network_options': SMALL['nafnet']}
    trained(run_values | options, tmp_path / 'run')
    assert export.main([str(tmp_path / 'run/checkpoint.pt'), '--name', 'naf', '--out', str(tmp_path)]) == 0

    pixels = np.random.default_rng(1).integers(0, 256, (72, 200, 3), dtype=np.uint8)
    message, data = cdr.new_image(Header(1, 7, 'lens'), *pixels.shape[:2], 'rgb8', 3 * pixels.shape[1])
    data[:] = pixels.reshape(data.shape)
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic(Topic('/camera/image_raw', cdr.IMAGE_TYPE))
        bag.write(Message('/camera/image_raw', cdr.IMAGE_TYPE, 10, bytes(message)))
    model = str(tmp_path / 'naf.onnx')
    with pytest.raises(SystemExit) as ended:
        restore_bag.main([str(tmp_path / 'bag'), str(tmp_path / 'restored'), '--model', model])
    assert not ended.value.code
    with BagReader(tmp_path / 'restored') as bag:
        (restored,) = bag.messages(['/camera/image_restored'])
    with open_system(str(tmp_path / 'run/checkpoint.pt'), device='cpu') as network:
        wanted = network.restore('', pixels).astype(int)
    found = codec.decode(restored.data).pixels
    assert np.abs(found - wanted).max() <= 1
    assert (found != pixels).any()
