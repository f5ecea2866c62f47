"""One exposure: sub-frames along a path, integrated in linear light (paper eq. 2-4)."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.blur.trajectory import Trajectory, homographies


def integrate(sub_frames: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One exposure: the mean of sub-frames in linear light (paper eq. 2), float32 [H, W, 3] each.

    Raises ValueError where there are none.
    """
    total: NDArray[np.float32] | None = None
    count = 0
    for sub_frame in sub_frames:
        total = sub_frame.astype(np.float32) if total is None else cv2.add(total, sub_frame, dst=total)
        count += 1
    if total is None:
        raise ValueError('an exposure needs at least one sub-frame')
    total /= count
    return total


def blur(light: NDArray[np.float32], trajectory: Trajectory) -> NDArray[np.float32]:
    """The exposure of a still scene while the camera moves along a path: float32 [H, W, 3], linear light.

    What moves in over the border is the scene's reflection.
    """
    return integrate(warp(light, pose) for pose in homographies(trajectory, *light.shape[:2]))


def warp(light: NDArray[np.float32], pose: NDArray[np.float64], *, margin_px: int = 0) -> NDArray[np.float32]:
    """An image moved by a pose: float32 [H, W, C] of up to 4 channels, bilinear, the same shape out.

    What moves in over the border is the image's reflection; a margin is cut off around what comes out. The
    pose, float64 [2 or 3, 3], maps a pixel (x, y, 1) of the image to where it is seen.
    """
    height, width = light.shape[:2]
    size = width - 2 * margin_px, height - 2 * margin_px
    within = pose[:2] - np.array([[0.0, 0.0, margin_px]])
    return cv2.warpAffine(light, within, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
