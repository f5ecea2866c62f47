"""Light above white: what a camera clipped was brighter than it could show.

Lamps and reflections draw bright trails through real blur, because the sensor adds up their light before it
clips it (J. Rim et al., "Realistic Blur Synthesis for Learning Image Deblurring", ECCV 2022, section 4). The
light that a photograph lost is put back by a factor.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.linear_light import USUAL, ToneCurve
from training.degradation.smoothstep import smoothstep

_WHITE, _WIDE_SHARE = 250, 0.02
# Above this the light of a pixel is raised, to the whole factor at white.
_CLIPPED_FROM = 240


def raised(image: NDArray[np.uint8], factor: float, curve: ToneCurve = USUAL) -> NDArray[np.float32]:
    """The light of an image whose white places are brighter than white by a factor of 1 or more.

    uint8 [H, W, 3] RGB, 0..255, to float32 [H, W, 3], linear light by the camera's curve, 0..`factor`.
    """
    light = curve.to_light(image)
    if factor > 1.0:
        # Where all three colours are clipped: raising one alone would turn cream to red.
        rise = smoothstep((np.arange(256) - _CLIPPED_FROM) / (255.0 - _CLIPPED_FROM))
        table = (1.0 + (factor - 1.0) * rise).astype(np.float32)
        darkest = cv2.min(cv2.min(image[..., 0], image[..., 1]), image[..., 2])
        light *= cv2.LUT(darkest, table)[..., None]
    return light


def white_of(image: NDArray[np.uint8], factor: float) -> float:
    """How bright white is in an image, uint8 [H, W, 3], where lamps are `factor` times as bright as white.

    Much white, as the sky or a wall in the sun, is less far above what the camera could show than a lamp.
    """
    wide = (image.min(axis=2) >= _WHITE).mean() > _WIDE_SHARE
    return float(np.sqrt(factor)) if wide else factor
