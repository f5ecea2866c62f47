import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='the training environment is not set up')
onnx = pytest.importorskip('onnx', reason='the training environment is not set up')

from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.errors import ModelError
from restore_node.model import load_model
from training import export
from training.config import config_values, parse_config
from training.model_file.card import weights_terms
from training.model_file.graph import PixelsInPixelsOut, check_equal
from training.networks.registry import build
from training.runs import checkpoint


@pytest.fixture
def saved(run_values, tmp_path):
    """A checkpoint of a network that changes its input."""
    network = build('lite')
    torch.manual_seed(1)
    torch.nn.init.normal_(network.leave.weight, std=0.02)
    path = tmp_path / 'checkpoint.pt'
    made = {'config': 'test.yaml', 'commit': 'c' * 40, 'seed': 3, 'data': []}
    made['data'] = [{'name': 'Drives', 'images': 7, 'terms': 'research use'}]
    state = checkpoint.Checkpoint(
        step=9,
        elapsed_s=1.0,
        generator=(build('lite').state_dict(), []),
        average=network.state_dict(),
        critic=None,
        config=config_values(parse_config(run_values, 'test')),
        provenance=made,
    )
    checkpoint.save(state, path)
    return path, network


def test_an_exported_model_is_the_network_with_its_card(saved, tmp_path):
    path, network = saved
    assert export.main([str(path), '--name', 'probe', '--out', str(tmp_path / 'models')]) == 0
    assert sorted(file.name for file in (tmp_path / 'models').iterdir()) == [
        'probe.fp16.onnx',
        'probe.json',
        'probe.onnx',
    ]

    model = load_model(str(tmp_path / 'models' / 'probe.onnx'))
    assert model.card.training['steps'] == 9
    assert model.card.training['commit'] == 'c' * 40
    assert 'Drives' in model.card.terms
    assert 'esearch' in model.card.terms
    assert [entry['images'] for entry in model.card.quality] == [2, 2]
    assert model.card.quality[0]['psnr_degraded_db'] > 30.0

    half = onnx.load(model.graph('fp16'))
    weights = [weight for weight in half.graph.initializer if len(weight.dims) == 4]
    assert weights
    assert all(weight.data_type == onnx.TensorProto.FLOAT16 for weight in weights)

    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 56, 3), dtype=np.uint8)
    with OnnxRuntimeBackend(model, device='cpu') as backend:
        staging = backend.staging(2, 40, 56)
        staging[:] = frames
        restored = backend.restore(staging).copy()
        with torch.inference_mode():
            wanted = PixelsInPixelsOut(network)(torch.from_numpy(frames)).numpy()
        assert np.abs(restored.astype(int) - wanted).max() <= 1
        assert np.abs(restored.astype(int) - frames).max() > 1
        torch.nn.init.normal_(network.leave.bias, std=0.05)
        with pytest.raises(ModelError, match='grey levels'):
            check_equal(network, network.size_multiple, backend)


def test_a_failed_export_leaves_the_older_model(saved, tmp_path, capsys):
    path, _ = saved
    out = tmp_path / 'models'
    out.mkdir()
    (out / 'probe.onnx').write_bytes(b'older')
    assert (
        export.main([str(path), '--name', 'probe', '--out', str(out), '--roots', str(tmp_path / 'nowhere')])
        == 2
    )
    assert 'nowhere' in capsys.readouterr().err
    assert [file.read_bytes() for file in out.iterdir()] == [b'older']


def test_terms_of_free_photographs_put_no_limit():
    free = [{'name': 'ours', 'images': 3, 'terms': 'own photographs'}]
    assert 'Apache-2.0' in weights_terms(free)
    limited = weights_terms([*free, {'name': 'theirs', 'images': 1, 'terms': 'not stated'}])
    assert 'theirs' in limited
    assert 'ours' not in limited
