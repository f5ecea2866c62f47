"""The conventions in which this field states PSNR and SSIM, by name.

The same images score 1 to 2 dB apart under two of them, so a figure is worth nothing without its convention.
Complex-wavelet SSIM, what DeblurGAN and its successors report as SSIM (pyssim's `cw_ssim_value`, about 0.05
to 0.1 above the Gaussian one), is not computed here: such figures are compared with nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.common import metrics
from training.data.samples import Image
from training.evaluation.alignment import align

GAUSSIAN = 'Gaussian 11x11, sigma 1.5'
NOT_ALIGNED = 'not aligned'

_BT601 = np.array([[65481.0, 128553.0, 24966.0]])
_BT601_SCALE, _BLACK = 255_000.0, 16


class Score(NamedTuple):
    """PSNR in dB, at most 60, and SSIM of one image, or their means over many."""

    psnr_db: float
    ssim: float


@dataclass(frozen=True)
class Convention:
    """One way to compare a restored image with its truth.

    Attributes:
        name: key in files and on the command line.
        channel, ssim, value_range, alignment: what is compared, in words, for every table.
        practice: who computes it so.
        compare: (restored, truth), both uint8 [H, W, 3] RGB, to PSNR and SSIM.
    """

    name: str
    channel: str
    ssim: str
    practice: str
    compare: Callable[[Image, Image], tuple[float, float]]
    value_range: str = '0..255'
    alignment: str = NOT_ALIGNED

    def score(self, restored: Image, truth: Image) -> Score:
        """Compare two images.

        Raises InputError where they are not RGB uint8, of different sizes, too small, or not to be aligned.
        """
        metrics.check_images(restored, truth, metrics.SSIM_WINDOW)
        psnr_db, ssim = self.compare(restored, truth)
        return Score(min(psnr_db, metrics.PSNR_CAP_DB), ssim)

    def words(self) -> str:
        """The convention in one line."""
        return f'{self.channel} {self.value_range}, SSIM {self.ssim}, {self.alignment}'


def volume_mean(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """As `plane_mean`, and across the channels as well, as if they were three layers of a body.

    With the first and last channel repeated beyond the ends (RRRRRRGBBBBBB) the window of 11 taps becomes a
    3x3 matrix between the channels: float [H, W, 3], in and out.
    """
    taps = cv2.getGaussianKernel(metrics.SSIM_WINDOW, metrics.SSIM_SIGMA).ravel()
    across = np.zeros((3, 3))
    for channel in range(3):
        for offset, tap in enumerate(taps, start=channel - metrics.SSIM_WINDOW // 2):
            across[channel, np.clip(offset, 0, 2)] += tap
    return cv2.transform(metrics.plane_mean(image), across)


def matlab_luma(image: Image) -> Image:
    """Luma of MATLAB's `rgb2ycbcr`, ITU-R BT.601, 16..235, rounded: uint8 [H, W, 3] RGB to uint8 [H, W].

    Its range is 219 of RGB's 255 levels, which alone adds 20 log10(255 / 219) = 1.32 dB to the PSNR of an
    achromatic error.
    """
    # Whole numbers until the division: halves are rounded up on every machine.
    weighted = cv2.transform(image.astype(np.float64), _BT601)
    return (_BLACK + np.floor(weighted / _BT601_SCALE + 0.5)).astype(np.uint8)


def full_luma(image: Image) -> Image:
    """BT.601 luma over the full range 0..255, as OpenCV rounds it: uint8 [H, W, 3] RGB to uint8 [H, W]."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _rgb_volume(restored: Image, truth: Image) -> tuple[float, float]:
    similarity = metrics.similarity_map(restored, truth, metrics.PEAK, volume_mean)
    return metrics.psnr(restored, truth), float(similarity.mean())


def _on_luma(
    luma: Callable[[Image], Image], border: Callable[[NDArray[np.floating]], NDArray[np.floating]]
) -> Callable[[Image, Image], tuple[float, float]]:
    def compare(restored: Image, truth: Image) -> tuple[float, float]:
        a, b = luma(restored), luma(truth)
        similarity = metrics.similarity_map(a, b, metrics.PEAK)
        return cv2.PSNR(a, b, metrics.PEAK), float(border(similarity).mean())

    return compare


def _aligned(restored: Image, truth: Image) -> tuple[float, float]:
    aligned = align(restored, truth)
    return aligned.psnr(), aligned.ssim()


_LUMA, _LUMA_RANGE = 'luma (MATLAB rgb2ycbcr)', '16..235 (peak 255)'
CONVENTIONS = {
    convention.name: convention
    for convention in (
        Convention(
            'rgb',
            'RGB',
            f'{GAUSSIAN}, mean over channels',
            'scikit-image; this project reproduces the paper in it',
            lambda restored, truth: (metrics.psnr(restored, truth), metrics.ssim(restored, truth)),
        ),
        Convention(
            'rgb-volume',
            'RGB',
            "MATLAB's ssim on the RGB volume (Gaussian 11x11x11, border repeated)",
            'deblurring tables of MPRNet, Restormer, NAFNet',
            _rgb_volume,
        ),
        Convention(
            'luma',
            _LUMA,
            f'{GAUSSIAN}, inside the border',
            'deraining tables of PReNet, MPRNet, Restormer',
            _on_luma(matlab_luma, metrics.inside),
            _LUMA_RANGE,
        ),
        Convention(
            'luma-border',
            _LUMA,
            "MATLAB's ssim (Gaussian 11x11, border repeated)",
            "NAFNet's and other ports of MATLAB's ssim",
            _on_luma(matlab_luma, lambda positions: positions),
            _LUMA_RANGE,
        ),
        Convention(
            'luma-full',
            'luma (BT.601, OpenCV)',
            f'{GAUSSIAN}, inside the border',
            'scripts that convert with OpenCV',
            _on_luma(full_luma, metrics.inside),
        ),
        Convention(
            'rgb-aligned',
            'RGB',
            f'{GAUSSIAN}, mean over channels, inside border and mask',
            "RealBlur's own evaluation",
            _aligned,
            alignment='aligned to the truth (gain, ECC homography, mask)',
        ),
    )
}
PLAIN = tuple(name for name, convention in CONVENTIONS.items() if convention.alignment == NOT_ALIGNED)
