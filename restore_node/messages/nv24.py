"""The encoding nv24, which OpenCV does not know: a grey plane, then one with two colour values a pixel."""

from __future__ import annotations

import cv2
import numpy as np

# ITU-R BT.601 with head room, as in OpenCV's conversions of YUV 4:2:0: Y, U, V and 1 to R, G and B.
_YUV_TO_RGB = np.array(
    [
        [1.164, 0.0, 1.596, -16 * 1.164 - 128 * 1.596],
        [1.164, -0.391, -0.813, -16 * 1.164 + 128 * (0.391 + 0.813)],
        [1.164, 2.018, 0.0, -16 * 1.164 - 128 * 2.018],
    ]
)


def without_padding(data: np.ndarray, height: int, width: int, step: int) -> np.ndarray:
    """Copy the planes out of padded rows: uint8 `[bytes]` in, uint8 `[3 * height, width]` out.

    A row of grey has `step` bytes; one of colours is twice as long, its padding included. The padding behind
    the last row may be cut.
    """
    padded = np.zeros(3 * height * step, np.uint8)
    padded[: len(data)] = data[: len(padded)]
    grey, colours = padded[: height * step], padded[height * step :]
    pixels = np.empty((3 * height, width), np.uint8)
    pixels[:height] = grey.reshape(height, step)[:, :width]
    pixels[height:] = colours.reshape(height, 2 * step)[:, : 2 * width].reshape(2 * height, width)
    return pixels


def to_rgb(pixels: np.ndarray, out: np.ndarray) -> None:
    """Convert uint8 `[3 * H, W]` into `out`, uint8 `[H, W, 3]`, RGB, whose rows may be strided."""
    height, width = out.shape[:2]
    yuv = np.empty((height, width, 3), np.uint8)
    np.maximum(pixels[:height], 16, out=yuv[..., 0])  # black, as for OpenCV
    yuv[..., 1:] = pixels[height:].reshape(height, width, 2)
    np.copyto(out, cv2.transform(yuv, _YUV_TO_RGB))
