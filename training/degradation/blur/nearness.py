"""How near the parts of a photograph are, made up: near things move more when the camera moves."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.smoothstep import smoothstep

_SIDE, _LUMPS = 24, 4
# Part of a distance's share of the picture over which it becomes the next.
_SOFT = 0.35


def draw_nearness(rng: np.random.Generator, *, farthest: float, depths: int) -> NDArray[np.float32]:
    """A small map of nearness, float32 [24, 24], from `farthest` to 1, which is stretched over an image.

    It is random lumps on a slope: the lower a pixel, the nearer it mostly is, as a road before a camera.

    Args:
        farthest: nearness of the farthest part, above 0 to 1.
        depths: number of distances, with soft steps between them; of 1 it is a smooth slope.
    """
    lumps = rng.normal(size=(_LUMPS, _LUMPS)).astype(np.float32)
    lumps = cv2.resize(lumps, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    slope = np.linspace(-1.0, 1.0, _SIDE, dtype=np.float32)[:, None]
    near = lumps + rng.uniform(0.0, 3.0) * slope
    near = (near - near.min()) / max(float(np.ptp(near)), 1e-6)
    if depths > 1:
        steps = (smoothstep((near * depths - step) / _SOFT + 0.5) for step in range(1, depths))
        near = sum(steps, np.zeros_like(near)) / (depths - 1)
    return (farthest + (1.0 - farthest) * near).astype(np.float32)
