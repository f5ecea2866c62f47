import math

import pytest

torch = pytest.importorskip('torch', reason='the training environment is not set up')

from training.config.losses import LossConfig
from training.losses.pixel import charbonnier, frequency, mean_square, pixel_loss

SHARP = torch.zeros(1, 1, 2, 2)
HALF = torch.full((1, 1, 2, 2), 0.5)
HALF_OF_IT = torch.tensor([[[[0.5, 0.0], [0.5, 0.0]]]])


def test_terms_by_hand():
    assert charbonnier(HALF, SHARP).tolist() == pytest.approx([0.5], abs=1e-5)
    assert charbonnier(SHARP, SHARP).tolist() == pytest.approx([1e-3])
    # All energy is in the constant: 0.5 * sqrt(4) in one of the 8 numbers that make 2x2 coefficients.
    assert frequency(HALF, SHARP).tolist() == pytest.approx([1.0 / 8])
    assert mean_square(HALF_OF_IT, SHARP).tolist() == pytest.approx([0.125])


@pytest.mark.parametrize('term', [charbonnier, frequency, mean_square])
def test_a_term_judges_each_image_by_itself_and_is_smooth_at_zero(term):
    restored = torch.rand(3, 3, 8, 8)
    sharp = restored.clone()
    sharp[1] += 0.1
    restored.requires_grad_()
    errors = term(restored, sharp)
    assert errors.shape == (3,)
    assert errors[1] > 10.0 * errors[0]
    errors.sum().backward()
    assert torch.isfinite(restored.grad).all()
    assert restored.grad[0].abs().max() < 1e-6


def test_the_loss_adds_the_terms_that_have_a_weight():
    both = pixel_loss(HALF, SHARP, LossConfig(charbonnier=2.0, frequency=4.0))
    assert both.item() == pytest.approx(1.5, abs=1e-4)
    one = pixel_loss(HALF_OF_IT, SHARP, LossConfig(charbonnier=0.0, mean_square=2.0))
    assert one.item() == pytest.approx(0.25)


def test_relative_images_count_by_their_ratios():
    restored = torch.cat((SHARP + 0.5, SHARP + 0.05))
    ratios = pixel_loss(restored, torch.cat((SHARP, SHARP)), LossConfig(relative=True))
    assert ratios.item() == pytest.approx((math.log(0.51) + math.log(0.06)) / 2, abs=1e-3)
