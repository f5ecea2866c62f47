from dataclasses import replace

import numpy as np
import onnx
import pytest
import skimage.data
import torch
from scenery import write_pairs
from workbench import lively, save_checkpoint

from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.common.errors import ConfigError, ModelError
from restore_node.model import load_model
from training.commands import export
from training.config.run import config_values, parse_config
from training.model_file.card import weights_terms
from training.model_file.graph import PixelsInPixelsOut, check_alike, check_equal
from training.runs import checkpoint


@pytest.fixture
def saved(run_values, tmp_path):
    """A checkpoint of a network that changes its input."""
    network = lively()
    data = [{'name': 'Drives', 'images': 7, 'terms': 'research use'}]
    return save_checkpoint(tmp_path / 'checkpoint.pt', run_values, network, data), network


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


def test_a_failed_export_leaves_the_older_model(saved, tmp_path, refused):
    path, _ = saved
    out = tmp_path / 'models'
    out.mkdir()
    (out / 'probe.onnx').write_bytes(b'older')
    places = ['--out', out, '--roots', tmp_path / 'nowhere']
    assert 'nowhere' in refused(export.main, path, '--name', 'probe', *places)
    assert [file.read_bytes() for file in out.iterdir()] == [b'older']


def test_a_bad_name_is_refused_before_anything_is_written(saved, tmp_path, refused):
    out = tmp_path / 'models'
    printed = refused(export.main, saved[0], '--name', 'a/b', '--out', out)
    assert "got 'a/b'" in printed
    assert 'permissions' not in printed
    assert not out.exists()


@pytest.fixture
def paired(run_values, saved, tmp_path):
    """A checkpoint of a run on a paired set that lies elsewhere now."""
    data = {'crop_px': 64, 'held_out': ['1*'], 'pairs': {'layout': 'folders', 'root': '/gone'}}
    config = config_values(parse_config(run_values | {'data': data}, 'test'))
    checkpoint.save(replace(checkpoint.load(saved[0]), config=config), tmp_path / 'paired.pt')
    return str(tmp_path / 'paired.pt')


@pytest.mark.parametrize(
    ('roots', 'said'), [([], '/gone'), (['one'], 'one'), (['one', 'two'], 'got one, two, want one folder')]
)
def test_a_paired_set_that_is_not_there_is_one_line(paired, tmp_path, refused, roots, said):
    given = ['--roots', *roots] if roots else []
    printed = refused(export.main, paired, '--out', tmp_path / 'models', *given)
    assert said in printed
    assert 'both of roots' not in printed


@pytest.fixture
def mixture(run_values):
    """The values of a run of several sources and a validation set of its own."""
    sources = [
        {'name': 'streets', 'photographs': {'roots': ['/gone/a']}},
        {'name': 'wet', 'pairs': {'layout': 'folders', 'root': '/gone/b', 'held_out': ['1*']}},
    ]
    sets = [
        {'name': 'real', 'pairs': {'layout': 'folders', 'root': '/gone/c'}},
        {'name': 'held', 'held_out_of': 'wet'},
    ]
    values = run_values | {'data': {'crop_px': 64, 'sources': sources}, 'validation': {'sets': sets}}
    return config_values(parse_config(values, 'test'))


def test_images_of_a_mixture_are_found_where_they_lie_now(mixture):
    found = export.moved(mixture, ['streets=/here/1', 'streets=/here/2=3', 'wet=/here/b', 'real=/here/c'])
    streets, wet = found['data']['sources']
    assert streets['photographs']['roots'] == ['/here/1', '/here/2=3']
    assert (wet['pairs']['root'], wet['pairs']['held_out']) == ('/here/b', ['1*'])
    assert found['validation']['sets'][0]['pairs']['root'] == '/here/c'
    assert mixture['data']['sources'][1]['pairs']['root'] == '/gone/b'
    assert export.moved(mixture, []) == mixture


@pytest.mark.parametrize('root', ['/here', 'held=/here', 'nonesuch=/here'])
def test_a_place_for_nothing_of_a_mixture_is_refused(mixture, root):
    with pytest.raises(ConfigError, match=f'got {root}, want NAME=FOLDER with one of real, streets, wet'):
        export.moved(mixture, [root])


@pytest.mark.slow
def test_a_model_of_a_paired_set_is_exported_where_the_set_lies_now(paired, tmp_path):
    images = [np.random.default_rng(seed).integers(0, 256, (72, 80, 3), dtype=np.uint8) for seed in range(2)]
    write_pairs(tmp_path / 'here', {number: (image, image) for number, image in enumerate(images)})
    out = ['--name', 'probe', '--out', str(tmp_path / 'models')]
    assert export.main([paired, *out, '--roots', str(tmp_path / 'here')]) == 0
    assert [entry['images'] for entry in load_model(str(tmp_path / 'models/probe.onnx')).card.quality] == [1]


def test_the_fp16_graph_is_compared_on_the_pictures_given():
    shipped = load_model('restore-lite')
    half, full = shipped.graph('fp16'), shipped.graph('fp32')
    photograph = skimage.data.astronaut()
    pictures = [photograph[top : top + 64, 200:264] for top in range(0, 448, 64)]
    each = [check_alike(half, full, shipped.card.size_multiple, [picture]) for picture in pictures]
    assert check_alike(half, full, shipped.card.size_multiple, pictures) == min(each)
    assert min(each) < check_alike(half, full, shipped.card.size_multiple, [])


def test_terms_of_free_photographs_put_no_limit():
    free = [{'name': 'ours', 'images': 3, 'terms': 'own photographs'}]
    assert 'Apache-2.0' in weights_terms(free)
    limited = weights_terms([*free, {'name': 'theirs', 'images': 1, 'terms': 'not stated'}])
    assert limited == 'Only what the terms of its images allow: not stated for theirs.'
    bound = weights_terms([*free, {'name': 'roads', 'images': 1, 'terms': 'CC BY 4.0 NC'}])
    assert bound == 'Only what the terms of its images allow: roads (CC BY 4.0 NC).'
