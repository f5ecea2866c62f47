"""Images on which two ways of running a model are compared where no camera is at hand."""

from __future__ import annotations

import cv2
import numpy as np


def make_reference_images(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Draw images with what generators react to: soft shades, hard edges, grain, and a blurred half.

    Returns uint8 `[count, height, width, 3]`, RGB, 0..255; the same from the same state of `rng`.
    """
    return np.stack([_draw(rng, height, width) for _ in range(count)])


def _draw(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    coarse = rng.uniform(0, 255, (6, 8, 3)).astype(np.float32)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(24):
        top, left = rng.integers(0, (height, width))
        rows, columns = rng.integers(1, (height // 3 + 2, width // 3 + 2))
        image[top : top + rows, left : left + columns] = rng.uniform(0, 255, 3)
    image[:, : width // 2] = cv2.blur(image[:, : width // 2], (9, 1))
    image += rng.normal(0, 4, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)
