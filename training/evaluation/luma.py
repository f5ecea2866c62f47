"""Luma of RGB images, in the two ranges that tables are computed in."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_BT601 = np.array([[65481.0, 128553.0, 24966.0]])
_SCALE = 255_000.0
_BLACK = 16


def matlab_luma(image: Image) -> Image:
    """Luma of MATLAB's `rgb2ycbcr`, ITU-R BT.601, 16..235, rounded: uint8 [H, W, 3] RGB to uint8 [H, W].

    Its range is 219 of RGB's 255 levels, which alone adds 20 log10(255 / 219) = 1.32 dB to the PSNR of an
    achromatic error.
    """
    # Whole numbers until the division: halves are rounded up on every machine.
    weighted = cv2.transform(image.astype(np.float64), _BT601)
    return (_BLACK + np.floor(weighted / _SCALE + 0.5)).astype(np.uint8)


def full_luma(image: Image) -> Image:
    """BT.601 luma over the full range 0..255, as OpenCV rounds it: uint8 [H, W, 3] RGB to uint8 [H, W]."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
