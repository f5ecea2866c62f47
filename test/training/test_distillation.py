"""A trained generator teaches another one, and the student's card says so."""

import pytest
import torch
from lightning_fabric import Fabric
from workbench import trained

from restore_node.common.errors import ConfigError, InputError
from training.commands.train import check_network
from training.config.losses import LossConfig, TeacherConfig
from training.config.run import parse_config
from training.losses.content import ContentLoss
from training.model_file.card import make_card
from training.networks.registry import build


class Brighter(torch.nn.Module):
    def forward(self, images):
        return images + 0.2


def test_the_teacher_s_picture_is_a_second_truth():
    config = LossConfig(charbonnier=0.0, l1=1.0, teacher=TeacherConfig('teacher.pt', weight=3.0))
    content = ContentLoss(Fabric(accelerator='cpu', devices=1), config, Brighter())
    degraded = torch.full((2, 3, 8, 8), 0.5)
    restored = torch.full((2, 3, 8, 8), 0.6, requires_grad=True)
    loss = content(degraded, restored, torch.full((2, 3, 8, 8), 0.9))
    assert loss.item() == pytest.approx(0.3 + 3.0 * 0.1, abs=1e-5)
    loss.backward()
    assert restored.grad is not None


def test_a_student_learns_from_a_run_and_its_card_names_the_teacher_s_data(run_values, tmp_path):
    trained(run_values | {'name': 'large'}, tmp_path / 'large')
    own = run_values['data'] | {'sets': [{'name': 'mine', 'files': '*', 'terms': 'own photographs'}]}
    taught = {
        'network': 'lite-small',
        'data': own,
        'loss': {'charbonnier': 1.0, 'teacher': {'checkpoint': str(tmp_path / 'large' / 'checkpoint.pt')}},
    }
    saved = trained(run_values | taught, tmp_path / 'small')
    assert [(run['name'], run['steps']) for run in saved.provenance['taught_by']] == [('large', 4)]
    (graph := tmp_path / 'short.onnx').write_bytes(b'')
    config = parse_config(run_values | taught, 'test')
    card = make_card(build('lite-small'), saved, config, {'fp32': graph})
    assert [run['data'][0]['name'] for run in card['training']['taught_by']] == ['scikit-image']


@pytest.mark.parametrize(
    ('loss', 'kind', 'said'),
    [
        ({'teacher': {'checkpoint': '/nowhere.pt'}}, InputError, '/nowhere.pt'),
        (
            {'charbonnier': 0.0, 'perceptual': {}, 'teacher': {'checkpoint': 'x.pt'}},
            ConfigError,
            'a pixel term',
        ),
    ],
)
def test_a_teacher_that_cannot_teach_is_one_line(run_values, loss, kind, said):
    with pytest.raises(kind, match=said):
        check_network(parse_config(run_values | {'loss': loss}, 'test'))
