"""Every convention against scikit-image, scipy or a value computed by hand."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import color, data, metrics

from restore_node.common.errors import InputError
from training.evaluation.alignment import Aligned, align
from training.evaluation.conventions import CONVENTIONS, PLAIN, full_luma, matlab_luma


@pytest.fixture(scope='module')
def photograph():
    return np.ascontiguousarray(data.astronaut()[40:232, 120:360])


@pytest.fixture(scope='module')
def noisy(photograph):
    noise = np.random.default_rng(2).normal(0.0, 12.0, photograph.shape)
    return np.clip(photograph + noise, 0, 255).round().astype(np.uint8)


def score(name, restored, truth):
    return CONVENTIONS[name].score(restored, truth)


def skimage_ssim(a, b, **options):
    return metrics.structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, **options
    )


@pytest.mark.parametrize(
    ('rgb', 'luma'),
    [((0, 0, 0), 16), ((255, 255, 255), 235), ((255, 0, 0), 81), ((0, 255, 0), 145), ((0, 0, 255), 41)],
)
def test_luma_of_the_primaries_is_the_standards(rgb, luma):
    # ITU-R BT.601's own table of 8-bit values.
    assert matlab_luma(np.full((1, 1, 3), rgb, np.uint8)).item() == luma


def test_luma_agrees_with_scikit_image_and_a_direct_computation(photograph):
    exact = photograph.astype(int) @ np.array([65481, 128553, 24966])
    assert np.array_equal(matlab_luma(photograph), 16 + (2 * exact + 255000) // 510000)
    assert np.abs(matlab_luma(photograph) - color.rgb2ycbcr(photograph)[..., 0]).max() <= 0.501
    direct = photograph @ np.array([0.299, 0.587, 0.114])
    assert np.abs(full_luma(photograph) - direct).max() <= 0.51


def test_rgb_is_scikit_images(photograph, noisy):
    found = score('rgb', noisy, photograph)
    assert found.psnr_db == pytest.approx(metrics.peak_signal_noise_ratio(photograph, noisy), abs=1e-9)
    assert found.ssim == pytest.approx(skimage_ssim(photograph, noisy, channel_axis=2), abs=1e-9)


@pytest.mark.parametrize(('name', 'luma'), [('luma', matlab_luma), ('luma-full', full_luma)])
def test_luma_is_scikit_images_on_one_plane(photograph, noisy, name, luma):
    found = score(name, noisy, photograph)
    planes = luma(photograph), luma(noisy)
    assert found.psnr_db == pytest.approx(metrics.peak_signal_noise_ratio(*planes), abs=1e-9)
    assert found.ssim == pytest.approx(skimage_ssim(*planes), abs=1e-9)


def ssim_with_repeated_border(a, b):
    """MATLAB's ssim for arrays of any number of dimensions, by another library's filter."""

    def mean(x):
        return gaussian_filter(x, 1.5, mode='nearest', radius=5)

    a, b = a.astype(float), b.astype(float)
    c1, c2 = 6.5025, 58.5225
    top = (2 * mean(a) * mean(b) + c1) * (2 * (mean(a * b) - mean(a) * mean(b)) + c2)
    bottom = (mean(a) ** 2 + mean(b) ** 2 + c1) * (
        mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2 + c2
    )
    return (top / bottom).mean()


def test_matlabs_ssim_sees_a_volume_or_a_plane(photograph, noisy):
    volume = score('rgb-volume', noisy, photograph)
    assert volume.ssim == pytest.approx(ssim_with_repeated_border(noisy, photograph), abs=1e-9)
    assert volume.ssim > score('rgb', noisy, photograph).ssim + 0.01
    plane = score('luma-border', noisy, photograph)
    wanted = ssim_with_repeated_border(matlab_luma(noisy), matlab_luma(photograph))
    assert plane.ssim == pytest.approx(wanted, abs=1e-9)


def test_matlab_luma_adds_what_its_range_leaves_out_for_achromatic_rain(photograph):
    grey = np.repeat(full_luma(photograph)[..., None], 3, axis=2) // 2
    rain = np.random.default_rng(1).integers(0, 100, (*grey.shape[:2], 1), dtype=np.uint8)
    rgb, luma = (score(name, grey + rain, grey).psnr_db for name in ('rgb', 'luma'))
    assert luma - rgb == pytest.approx(20 * np.log10(255 / 219), abs=0.01)
    assert score('luma-full', grey + rain, grey).psnr_db == pytest.approx(rgb, abs=0.01)


@pytest.mark.parametrize('name', CONVENTIONS)
def test_equal_images_score_highest(photograph, name):
    assert score(name, photograph, photograph) == pytest.approx((60.0, 1.0), abs=2e-4)


@pytest.mark.parametrize('name', CONVENTIONS)
def test_images_that_cannot_be_compared_are_refused(photograph, name):
    for wrong in (photograph[:-1], photograph.astype(np.float32), photograph[..., 0]):
        with pytest.raises(InputError):
            score(name, wrong, photograph)
    with pytest.raises(InputError, match='too small'):
        score(name, photograph[:10, :10], photograph[:10, :10])


def moved(right, down, gain):
    """What a camera beside the photograph's sees: its content moved by whole pixels, and dimmed."""
    view = data.astronaut()[40 - down : 232 - down, 120 - right : 360 - right]
    return np.clip(view * gain, 0, 255).round().astype(np.uint8)


def test_alignment_finds_a_known_shift_and_gain(photograph):
    aligned = align(moved(3, -2, 0.8), photograph)
    assert aligned.homography[:2, 2] == pytest.approx([3.0, -2.0], abs=0.1)
    assert aligned.homography[:2, :2] == pytest.approx(np.eye(2), abs=0.001)
    assert align(moved(0, 0, 0.8), photograph).gain == pytest.approx(1 / 0.8, rel=1e-3)
    # Three columns and two rows of the truth lie outside what the other camera saw.
    height, width = photograph.shape[:2]
    assert aligned.valid.mean() == pytest.approx((height - 2) * (width - 3) / (height * width), abs=0.012)


def test_an_aligned_score_forgives_shift_and_gain_and_nothing_else(photograph, noisy):
    shifted = moved(2, 1, 0.9)
    plain, aligned = (score(name, shifted, photograph) for name in ('rgb', 'rgb-aligned'))
    assert aligned.psnr_db > plain.psnr_db + 8.0
    assert aligned.ssim > plain.ssim + 0.1
    in_place = score('rgb-aligned', noisy, photograph)
    assert in_place.psnr_db == pytest.approx(score('rgb', noisy, photograph).psnr_db, abs=0.3)
    assert in_place.ssim == pytest.approx(score('rgb', noisy, photograph).ssim, abs=0.02)


def test_aligned_scores_leave_out_what_is_not_valid():
    truth = np.random.default_rng(3).random((40, 60, 3), dtype=np.float32)
    restored = truth + np.float32(0.1)
    valid = np.ones((40, 60), np.float32)
    valid[:, :20] = 0.0
    mask = valid[..., None]
    aligned = Aligned(restored * mask, truth * mask, valid, 1.0, np.eye(3, dtype=np.float32))
    assert aligned.psnr() == pytest.approx(20.0, abs=1e-4)
    _, positions = metrics.structural_similarity(
        truth * mask,
        restored * mask,
        channel_axis=2,
        gaussian_weights=True,
        use_sample_covariance=False,
        data_range=1.0,
        full=True,
    )
    assert aligned.ssim() == pytest.approx(positions[5:-5, 20:-5].mean(), abs=1e-5)


def test_what_cannot_be_aligned_is_said():
    flat = np.full((64, 64, 3), 90, np.uint8)
    with pytest.raises(InputError, match='align'):
        score('rgb-aligned', flat, cv2.flip(flat, 1))


def test_plain_conventions_align_nothing():
    assert PLAIN == ('rgb', 'rgb-volume', 'luma', 'luma-border', 'luma-full')
