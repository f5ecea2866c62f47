import math

import pytest
import torch
from skimage.metrics import structural_similarity

from restore_node.common.errors import ConfigError
from training.config.losses import LossConfig
from training.losses.lpips import LpipsLoss
from training.losses.pixel import charbonnier, edge, frequency, l1, mean_square, pixel_loss, ssim

SHARP = torch.zeros(1, 1, 2, 2)
HALF = torch.full((1, 1, 2, 2), 0.5)
HALF_OF_IT = torch.tensor([[[[0.5, 0.0], [0.5, 0.0]]]])


def test_terms_by_hand():
    assert charbonnier(HALF, SHARP).tolist() == pytest.approx([0.5], abs=1e-5)
    assert charbonnier(SHARP, SHARP).tolist() == pytest.approx([1e-3])
    # All energy is in the constant: 0.5 * sqrt(4) in one of the 8 numbers that make 2x2 coefficients.
    assert frequency(HALF, SHARP).tolist() == pytest.approx([1.0 / 8])
    assert mean_square(HALF_OF_IT, SHARP).tolist() == pytest.approx([0.125])
    assert l1(HALF_OF_IT, SHARP).tolist() == pytest.approx([0.25])


def test_edges_count_whatever_the_brightness():
    sharp = torch.rand(1, 3, 8, 8)
    assert edge(sharp + 0.3, sharp).tolist() == pytest.approx([1e-3], abs=1e-5)
    dot = torch.zeros(1, 1, 5, 5)
    dot[..., 2, 2] = 1.0
    # The Laplacian of a dot is -4 there and 1 at four neighbours, of nine pixels that have all of theirs.
    assert edge(dot, torch.zeros(1, 1, 5, 5)).tolist() == pytest.approx([8.0 / 9.0], abs=1e-3)


def test_ssim_is_the_library_s_that_scores_are_made_with():
    # Large: the loss counts the border, mirrored, which scores leave out.
    sharp = torch.rand(2, 3, 160, 144)
    restored = (sharp + 0.1 * torch.randn_like(sharp)).clamp(0.0, 1.0)
    wanted = [
        1.0
        - structural_similarity(
            restored[index].numpy(),
            sharp[index].numpy(),
            data_range=1.0,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for index in range(2)
    ]
    assert ssim(restored, sharp).tolist() == pytest.approx(wanted, abs=2e-3)


def test_lpips_without_its_weights_says_what_to_fetch(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    with pytest.raises(ConfigError, match='vgg16-397923af') as caught:
        LpipsLoss('vgg')
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize('term', [charbonnier, edge, frequency, l1, mean_square, ssim])
def test_a_term_judges_each_image_by_itself_and_is_smooth_at_zero(term):
    restored = torch.rand(3, 3, 16, 16)
    sharp = restored.clone()
    sharp[1, :, ::2] += 0.1
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
