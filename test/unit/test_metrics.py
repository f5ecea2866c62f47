"""PSNR and SSIM against hand-computed values and against scikit-image."""

import math

import numpy as np
import pytest

from restore_node.common.errors import InputError
from restore_node.common.metrics import psnr, ssim


def flat(value: int, height: int = 16, width: int = 16) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def noisy_pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    ramp = np.linspace(0, 255, height * width * 3).reshape(height, width, 3)
    noise = rng.normal(0, 12, ramp.shape)
    return ramp.astype(np.uint8), np.clip(ramp + noise, 0, 255).astype(np.uint8)


def test_psnr_of_a_constant_difference():
    # MSE = 10^2, so 20 log10(255 / 10).
    assert psnr(flat(100), flat(110)) == pytest.approx(28.1308, abs=1e-4)


def test_psnr_of_one_wrong_sample():
    a, b = flat(0, 2, 2), flat(0, 2, 2)
    b[0, 0, 2] = 255
    assert psnr(a, b) == pytest.approx(10 * math.log10(12), abs=1e-12)


def test_psnr_of_black_and_white_is_zero():
    assert psnr(flat(0), flat(255)) == pytest.approx(0, abs=1e-12)


def test_identical_images():
    assert psnr(flat(7), flat(7)) == math.inf
    assert ssim(flat(7), flat(7)) == 1


def test_ssim_of_flat_images_is_its_luminance_term():
    c1 = 2.55**2
    expected = (2 * 100 * 110 + c1) / (100**2 + 110**2 + c1)
    assert ssim(flat(100), flat(110)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize('size', [(11, 11), (37, 53), (120, 64)])
def test_agrees_with_scikit_image(size):
    skimage = pytest.importorskip('skimage.metrics', reason='scikit-image is not installed here')
    a, b = noisy_pair(*size)
    assert psnr(a, b) == pytest.approx(skimage.peak_signal_noise_ratio(a, b, data_range=255), abs=1e-9)
    reference = skimage.structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=2
    )
    assert ssim(a, b) == pytest.approx(reference, abs=1e-9)


def test_both_are_symmetric():
    a, b = noisy_pair(32, 48)
    assert psnr(a, b) == psnr(b, a)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)


@pytest.mark.parametrize('metric', [psnr, ssim])
@pytest.mark.parametrize(
    'wrong',
    [flat(0, 16, 17), flat(0).astype(np.float32), flat(0)[..., 0], np.zeros((16, 16, 4), np.uint8)],
    ids=['size', 'dtype', 'gray', 'alpha'],
)
def test_refuses_what_is_not_comparable(metric, wrong):
    with pytest.raises(InputError):
        metric(flat(0), wrong)


def test_refuses_empty_images_and_images_below_the_window():
    with pytest.raises(InputError):
        psnr(flat(0, 0, 4), flat(0, 0, 4))
    with pytest.raises(InputError, match='10x16'):
        ssim(flat(0, 16, 10), flat(0, 16, 10))
