"""Structural similarity as the scripts of this field compute it, on planes or on RGB volumes.

All share Wang et al. 2004: a Gaussian window of 11 taps and sigma 1.5, K1 0.01, K2 0.03, the population's
statistics. They differ in what the window sees beyond the border of the image, and across its channels.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.common.metrics import SSIM_K1, SSIM_K2, SSIM_SIGMA, SSIM_WINDOW

Array = NDArray[np.floating]
MARGIN_PX = SSIM_WINDOW // 2
"""Positions this close to the border have a window that leaves the image."""


def plane_mean(image: Array) -> Array:
    """The Gaussian mean around every pixel of every channel, the border repeated: float [H, W(, C)]."""
    return cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA, borderType=cv2.BORDER_REPLICATE)


def volume_mean(image: Array) -> Array:
    """As `plane_mean`, and across the channels as well, as if they were three layers of a body.

    With the first and last channel repeated beyond the ends (RRRRRRGBBBBBB) the window of 11 taps becomes a
    3x3 matrix between the channels: float [H, W, 3], in and out.
    """
    taps = cv2.getGaussianKernel(SSIM_WINDOW, SSIM_SIGMA).ravel()
    across = np.zeros((3, 3))
    for channel in range(3):
        for offset, tap in enumerate(taps, start=channel - MARGIN_PX):
            across[channel, np.clip(offset, 0, 2)] += tap
    return cv2.transform(plane_mean(image), across)


def similarity_map(
    a: NDArray[Any], b: NDArray[Any], peak: float, mean: Callable[[Array], Array] = plane_mean
) -> Array:
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


def inside(positions: Array) -> Array:
    """Only the positions whose window stays inside the image: [H - 10, W - 10, ...]."""
    return positions[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
