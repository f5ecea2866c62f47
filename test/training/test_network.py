import pytest

torch = pytest.importorskip('torch', reason='the training environment is not set up')

from restore_node.errors import ConfigError
from training.describe import main
from training.networks.costs import macs_per_pixel, parameters
from training.networks.registry import NETWORKS, build


@pytest.mark.parametrize('name', NETWORKS)
@pytest.mark.parametrize('multiples', [(1, 1), (5, 3), (2, 11)])
def test_output_has_the_size_of_the_input_and_starts_as_the_identity(name, multiples):
    network = build(name).eval()
    rows, columns = (multiple * network.size_multiple for multiple in multiples)
    frames = torch.rand(2, 3, rows, columns)
    with torch.inference_mode():
        assert torch.allclose(network(frames), frames, atol=1e-6)


def test_lite_keeps_its_budget_for_live_video():
    assert macs_per_pixel(build('lite')) <= 20_000


def test_counts_are_those_of_the_arithmetic():
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2, padding=1), torch.nn.Conv2d(8, 4, 1))
    assert parameters(layers) == (3 * 8 * 9 + 8) + (8 * 4 + 4)
    assert macs_per_pixel(layers, side=64) == round((3 * 8 * 9 + 8 * 4) / 4)


def test_lite_sees_a_hundred_pixels():
    network = build('lite')
    torch.nn.init.normal_(network.leave.weight)
    frames = torch.rand(1, 3, 256, 256, requires_grad=True)
    network(frames)[0, :, 128, 128].sum().backward()
    columns = torch.nonzero(frames.grad[0].abs().sum((0, 1))).flatten()
    assert columns.max() - columns.min() >= 100


def test_an_unknown_network_is_refused(capsys):
    with pytest.raises(ConfigError, match='nonesuch'):
        build('nonesuch')
    assert main(['nonesuch']) == 2
    assert capsys.readouterr().err.startswith('error: unknown network')
