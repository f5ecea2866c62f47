"""PSNR and SSIM, and the conventions under which this package states them.

Both compare uint8 RGB images `[H, W, 3]`, range 0..255, over all pixels and channels, with no alignment, no
border cropped and no conversion to luma. Numbers of papers that score luma, crop, align first, or use
MATLAB's three-dimensional SSIM are not comparable with these.
"""

from __future__ import annotations

import cv2
import numpy as np

from restore_node.common.errors import InputError

PEAK = 255.0
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_K1 = 0.01
SSIM_K2 = 0.03

CONVENTIONS = {
    'range': '0..255',
    'channel': 'RGB',
    'ssim': 'Gaussian window 11x11, sigma 1.5, K1 0.01, K2 0.03, mean over RGB channels',
    'alignment': 'none',
}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two images in dB.

    Args:
        a: uint8 `[H, W, 3]`, RGB.
        b: uint8 `[H, W, 3]`, RGB, of the same size.

    Returns:
        10 log10(255^2 / MSE), the mean squared error taken over pixels and channels; `inf` for equal images.

    Raises:
        InputError: the images are not of this type or differ in size.
    """
    _check(a, b)
    mean_squared_error = cv2.norm(a, b, cv2.NORM_L2SQR) / a.size
    return 10 * float(np.log10(PEAK**2 / mean_squared_error)) if mean_squared_error else float('inf')


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean structural similarity of two images, at most 1.

    Wang et al. 2004 with their window and constants, per channel, then the mean over the channels; statistics
    are the population's, and positions where the window leaves the image do not count. Equals scikit-image's
    with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255`.

    Args:
        a: uint8 `[H, W, 3]`, RGB, at least 11x11.
        b: uint8 `[H, W, 3]`, RGB, of the same size.

    Raises:
        InputError: the images are not of this type, differ in size, or are smaller than the window.
    """
    _check(a, b)
    if min(a.shape[:2]) < SSIM_WINDOW:
        raise InputError(
            'image is too small for SSIM',
            seen=f'{a.shape[1]}x{a.shape[0]}',
            wanted=f'{SSIM_WINDOW}x{SSIM_WINDOW}',
        )
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_x = _window_mean(x * x) - mean_x**2
    variance_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    c1, c2 = (SSIM_K1 * PEAK) ** 2, (SSIM_K2 * PEAK) ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return float(similarity.mean())


def _window_mean(image: np.ndarray) -> np.ndarray:
    margin = SSIM_WINDOW // 2
    blurred = cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA)
    return blurred[margin:-margin, margin:-margin]


def _check(a: np.ndarray, b: np.ndarray) -> None:
    for image in (a, b):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InputError(
                'metrics compare RGB images',
                seen=f'{image.dtype} {list(image.shape)}',
                wanted='uint8 [H, W, 3]',
            )
    if a.shape != b.shape:
        raise InputError(
            'metrics compare images of one size',
            seen=f'{a.shape[1]}x{a.shape[0]} and {b.shape[1]}x{b.shape[0]}',
            fix='restored images have the size of their input: compare the right pair',
        )
