"""Classical ways to restore, which a model has to beat: filters, and one that knows the blur."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.samples import Image
from training.degradation.linear_light import to_display, to_linear
from training.evaluation.systems import System

Kernel = NDArray[np.float32]
"""float32 [k, k], odd, not negative, of sum 1: where the light of a pixel goes."""

# Changes nothing where the estimate is dark.
_DARK = 1e-4


def unsharp_mask(image: Image, sigma_px: float = 1.5, amount: float = 0.6) -> Image:
    """Sharpen: add what a Gaussian blur takes away. uint8 [H, W, 3], in and out."""
    soft = cv2.GaussianBlur(image, (0, 0), sigma_px)
    return cv2.addWeighted(image, 1.0 + amount, soft, -amount, 0.0)


def median(image: Image, side_px: int = 3) -> Image:
    """The median of each pixel's neighbours, channel by channel. uint8 [H, W, 3], in and out."""
    return cv2.medianBlur(image, side_px)


def guided_filter(image: Image, radius_px: int = 4, edge: float = 0.04) -> Image:
    """Smooth what is fainter than an edge, guided by the image itself: the way of early deraining.

    K. He et al., "Guided Image Filtering", IEEE TPAMI 35 (6), 2013. uint8 [H, W, 3], in and out; `edge` is
    the contrast of an edge that stays, of a range of 1.
    """
    guide = image.astype(np.float32) / 255.0
    window = (2 * radius_px + 1, 2 * radius_px + 1)
    mean = cv2.blur(guide, window)
    variance = cv2.blur(guide * guide, window) - mean * mean
    slope = variance / (variance + edge * edge)
    smooth = cv2.blur(slope, window) * guide + cv2.blur(mean - slope * mean, window)
    return np.rint(np.clip(smooth, 0.0, 1.0) * 255.0).astype(np.uint8)


def richardson_lucy(image: Image, kernel: Kernel, iterations: int = 30) -> Image:
    """Undo a blur that is the same everywhere and known (W. H. Richardson, 1972; L. B. Lucy, 1974).

    What no camera has: an upper reference for those who must guess the blur. In linear light, where it took
    place; over the border the image is mirrored. uint8 [H, W, 3] RGB, 0..255, in and out; more iterations are
    sharper and noisier.
    """
    border = cv2.BORDER_REFLECT_101
    seen = to_linear(image)
    estimate = seen.copy()
    back = np.ascontiguousarray(kernel[::-1, ::-1])
    for _ in range(iterations):
        # filter2D correlates: the kernel turned round blurs, the kernel itself goes back.
        blurred = cv2.filter2D(estimate, cv2.CV_32F, back, borderType=border)
        ratio = seen / np.maximum(blurred, _DARK)
        estimate *= cv2.filter2D(ratio, cv2.CV_32F, kernel, borderType=border)
    return to_display(estimate)


def filters() -> list[System]:
    """Ways to restore that know nothing of the degradation."""
    return [
        System('unsharp mask', lambda _name, degraded: unsharp_mask(degraded)),
        System('median 3x3', lambda _name, degraded: median(degraded)),
        System('guided filter', lambda _name, degraded: guided_filter(degraded)),
    ]


def knowing(kernels: Mapping[str, Kernel]) -> System:
    """Richardson-Lucy as a system that knows the blur of each test image by its name."""
    return System(
        'Richardson-Lucy, blur known', lambda name, degraded: richardson_lucy(degraded, kernels[name])
    )
