"""What a run begins with: a model that ships, or another run's checkpoint."""

import json
from pathlib import Path

import pytest
import torch
from workbench import trained

from restore_node.common.errors import InputError, RestoreError
from training.config.run import parse_config
from training.networks.registry import build
from training.runs.starting_point import starting_point

MODELS = Path(__file__).parents[2] / 'models'


@pytest.mark.parametrize('source', ['restore-lite', str(MODELS / 'restore-lite.onnx')])
def test_the_weights_of_a_shipped_model_are_taken(run_values, source, tmp_path):
    values = run_values | {'start_from': source, 'schedule': {'batch': 2, 'steps': 1, 'learning_rate': 1e-9}}
    values['schedule']['final_learning_rate'] = 1e-9
    found = starting_point(parse_config(values, 'test'))
    assert found.weights.keys() == build('lite').state_dict().keys()
    card = json.loads((MODELS / 'restore-lite.json').read_text())
    assert [run['steps'] for run in found.lineage][-1] == card['training']['steps']
    assert len(found.lineage) == len(card['training']['started_from']) + 1
    assert set(found.lineage[-1]) == {'name', 'config', 'commit', 'seed', 'data', 'steps'}

    saved = trained(values, tmp_path / 'run')
    assert saved.provenance['started_from'] == found.lineage
    assert torch.allclose(saved.average['enter.weight'], found.weights['enter.weight'], atol=1e-6)


@pytest.mark.parametrize('kind', ['model', 'checkpoint'])
def test_weights_of_another_network_are_refused_in_one_line(run_values, kind, tmp_path):
    source = 'restore-lite'
    if kind == 'checkpoint':
        trained(run_values, tmp_path / 'run')
        source = str(tmp_path / 'run' / 'checkpoint.pt')
    other = run_values | {'network': 'lite-deep', 'start_from': source}
    with pytest.raises(InputError, match='weights of another network') as caught:
        starting_point(parse_config(other, 'test'))
    message = str(caught.value)
    assert '\n' not in message
    assert 'network=lite-deep' in message


def test_a_wider_network_begins_where_a_narrower_one_ended(run_values):
    values = run_values | {'network': 'lite-base', 'start_from': 'restore-lite'}
    found = starting_point(parse_config(values, 'test'))
    wide, narrow = build('lite-base'), build('lite')
    wide.load_state_dict(found.weights)
    narrow.load_state_dict(starting_point(parse_config(values | {'network': 'lite'}, 'test')).weights)
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(wide(images), narrow(images), atol=1e-5)
    wide(images).square().sum().backward()
    # Of the new channels, which nothing uses yet, the last layer hears first.
    assert wide.leave.weight.grad[:, 32:].abs().amax(dim=(0, 2, 3)).all()
    again = starting_point(parse_config(values, 'test'))
    assert all(torch.equal(found.weights[name], again.weights[name]) for name in found.weights)
    with pytest.raises(InputError, match='weights of another network'):
        starting_point(parse_config(values | {'network': 'lite-small'}, 'test'))


def test_what_is_no_model_is_refused(run_values, tmp_path):
    for source in ('no-such-model', str(tmp_path / 'gone.onnx'), str(tmp_path / 'gone.pt')):
        with pytest.raises(RestoreError, match=r'no-such-model|gone'):
            starting_point(parse_config(run_values | {'start_from': source}, 'test'))
