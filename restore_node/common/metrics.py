"""PSNR and SSIM, and the conventions under which the node's figures are stated.

Both compare uint8 RGB images `[H, W, 3]`, range 0..255, over all pixels and channels, with no alignment, no
border cropped and no conversion to luma. Numbers of papers that score luma, crop, align first, or use
MATLAB's three-dimensional SSIM are not comparable with these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from restore_node.common.errors import InputError

PEAK = 255.0
#: Equal images have no finite PSNR, and a mean needs a number: every image counts at most this much in one.
PSNR_CAP_DB = 60.0
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
    """Return the peak signal-to-noise ratio of two images in dB, `inf` for equal ones.

    It is 10 log10(255^2 / MSE), the mean squared error taken over pixels and channels. Raises InputError
    unless both are uint8 `[H, W, 3]`, RGB, of one size.
    """
    check_images(a, b)
    mean_squared_error = cv2.norm(a, b, cv2.NORM_L2SQR) / a.size
    return 10 * float(np.log10(PEAK**2 / mean_squared_error)) if mean_squared_error else float('inf')


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean structural similarity of two images, at most 1.

    Wang et al. 2004 with their window and constants, per channel, then the mean over the channels; statistics
    are the population's, and positions where the window leaves the image do not count. Equals scikit-image's
    with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255`.

    Raises InputError unless both are uint8 `[H, W, 3]`, RGB, of one size, at least 11x11.
    """
    check_images(a, b, SSIM_WINDOW)
    return float(inside(similarity_map(a, b, PEAK)).mean())


def inside(positions: np.ndarray) -> np.ndarray:
    """Only the positions whose window stays inside the image: [H - 10, W - 10, ...]."""
    margin = SSIM_WINDOW // 2
    return positions[margin:-margin, margin:-margin]


def plane_mean(image: np.ndarray) -> np.ndarray:
    """The Gaussian mean around every pixel of every channel, the border repeated: float [H, W(, C)]."""
    return cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA, borderType=cv2.BORDER_REPLICATE)


def similarity_map(
    a: np.ndarray, b: np.ndarray, peak: float, mean: Callable[[np.ndarray], np.ndarray] = plane_mean
) -> np.ndarray:
    """SSIM at every position, float64.

    Args:
        a: [H, W] or [H, W, C], 0..peak, of any type.
        b: another of the same shape.
        peak: the largest value that a pixel can have.
        mean: the window.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = mean(a), mean(b)
    covariance = mean(a * b) - mean_a * mean_b
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    c1, c2 = (SSIM_K1 * peak) ** 2, (SSIM_K2 * peak) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance * (2 * covariance + c2) / (variances + c2)


def capped_psnr(a: np.ndarray, b: np.ndarray) -> float:
    """`psnr` as it counts in a mean, at most `PSNR_CAP_DB`."""
    return min(psnr(a, b), PSNR_CAP_DB)


@dataclass(frozen=True)
class BeforeAfter:
    """How far a degraded and a restored image are from the truth, or means of that over many images.

    Attributes:
        psnr_degraded_db: before, dB, at most `PSNR_CAP_DB`.
        psnr_restored_db: after, likewise.
        ssim_degraded: before, at most 1.
        ssim_restored: after, likewise.
    """

    psnr_degraded_db: float
    psnr_restored_db: float
    ssim_degraded: float
    ssim_restored: float

    @property
    def gain_db(self) -> float:
        """What restoration won in PSNR."""
        return self.psnr_restored_db - self.psnr_degraded_db


def compare_with_truth(degraded: np.ndarray, restored: np.ndarray, truth: np.ndarray) -> BeforeAfter:
    """Compare what came in and what went out with the truth; images and errors as for `ssim`."""
    return BeforeAfter(
        capped_psnr(degraded, truth),
        capped_psnr(restored, truth),
        ssim(degraded, truth),
        ssim(restored, truth),
    )


def check_images(a: np.ndarray, b: np.ndarray, smallest_side: int = 1) -> None:
    """Raise InputError unless two images are uint8 RGB `[H, W, 3]` of one size, no side too small."""
    for image in (a, b):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InputError(
                'metrics compare RGB images',
                seen=f'{image.dtype} {list(image.shape)}',
                wanted='uint8 [H, W, 3]',
            )
    size = f'{a.shape[1]}x{a.shape[0]}'
    if a.shape != b.shape:
        raise InputError(
            'metrics compare images of one size',
            seen=f'{size} and {b.shape[1]}x{b.shape[0]}',
            fix='restored images have the size of their input: compare the right pair, uncropped',
        )
    if min(a.shape[:2]) < smallest_side:
        raise InputError('image is too small for SSIM', seen=size, wanted=f'{smallest_side}x{smallest_side}')
