"""What fp16 cannot hold is found before a model is written, though ONNX Runtime's CPU does not overflow."""

import pytest
import torch
from workbench import lively

from restore_node.common.errors import InputError, ModelError
from training.evaluation.quality import Quality, harm
from training.model_file.half import check_half
from training.networks.registry import build
from training.runs import checkpoint


def scaled(first, second):
    """A network that computes the same in real numbers, whatever the factors: 1 in all."""
    network = lively()
    block = network.deep[0]
    with torch.no_grad():
        for value in (block.first.weight, block.first.bias):
            value *= first
        block.second.weight *= second
        block.scale /= first * second
    return network


@pytest.mark.parametrize(
    ('first', 'second', 'said'), [(1e5, 1e-5, 'inside, by aten'), (1e-6, 1e5, 'dB to fp32')]
)
def test_what_overflows_or_vanishes_in_fp16_is_refused(first, second, said):
    with pytest.raises(ModelError, match='cannot compute in fp16') as caught:
        check_half(scaled(first, second), [])
    assert said in str(caught.value)


def test_what_fits_is_alike():
    assert 45.0 < check_half(scaled(1.0, 1.0), []) < 100.0


def test_a_result_that_is_not_a_number_is_refused():
    network = scaled(1.0, 1.0)
    network.deep[0].scale.data[:] = 3e38
    with pytest.raises(ModelError, match='inside, by aten'):
        check_half(network, [])


class Masked(torch.nn.Module):
    """Fills what is masked with a value, as attention does."""

    size_multiple = 8

    def __init__(self, value):
        super().__init__()
        self.value, self.weight = value, torch.nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, images):
        mask = torch.zeros_like(images).masked_fill(images < 0.5, self.value)
        return images * self.weight * mask.exp()


def test_an_infinite_mask_is_no_overflow():
    assert check_half(Masked(float('-inf')), []) > 45.0


def test_what_fp16_cannot_hold_as_a_constant_is_one_line():
    with pytest.raises(ModelError, match='cannot compute in fp16') as caught:
        check_half(Masked(-1e30), [])
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite_are_refused_wherever_a_checkpoint_is_read(value):
    weights = build('lite').state_dict()
    weights['enter.bias'] = weights['enter.bias'].clone()
    weights['enter.bias'][3] = value
    with pytest.raises(InputError, match=r'not finite: got 1 of \d+, first enter\.bias'):
        checkpoint.fill(build('lite'), weights)


@pytest.mark.parametrize(
    ('clean', 'restored_db', 'to_input_db', 'said'),
    [
        (False, 30.5, 33.0, None),
        (False, 29.5, 33.0, 'worse, by 0.50 dB'),
        (True, 46.0, 46.0, None),
        (True, 40.0, 40.0, '40.0 dB to the input'),
    ],
)
def test_what_a_model_spoils_is_said(clean, restored_db, to_input_db, said):
    quality = Quality(2, 30.0, restored_db, 0.9, 0.9, 0.0, to_input_db)
    found = harm(quality, clean=clean)
    assert found is None if said is None else said in found
