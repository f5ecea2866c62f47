"""Rain as image editors make it: noise, cut off below a threshold, dragged along a line.

It is the look of Rain800 (H. Zhang, V. Sindagi and V. M. Patel, "Image De-raining Using a Conditional
Generative Adversarial Network", 2017), whose rain was made in an image editor.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DraggedNoise:
    """One sheet of noise that is dragged along a line.

    Attributes:
        grain_px: size of the noise's grains: 1 is fine, 4 coarse.
        fill: share of the grains that stay above the threshold, 0..1.
        angle_deg: lean of the line from the vertical, in degrees.
        length_px: how far each grain is dragged.
        contrast: 0 leaves the sheet as it is; 1 leaves only its brightest streaks.
        brightness: of the brightest streaks, 0..1.
    """

    grain_px: float
    fill: float
    angle_deg: float
    length_px: float
    contrast: float
    brightness: float


def render_dragged_noise(
    sheet: DraggedNoise, height: int, width: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The sheet's streaks: float32 [H, W], 0..brightness."""
    angle = np.deg2rad(sheet.angle_deg)
    sin, cos = abs(np.sin(angle)), abs(np.cos(angle))
    # Upright, large enough to be turned and cut out; the grains of both ends are dragged in from outside.
    drag = max(1, round(sheet.length_px))
    rows = int(np.ceil(height * cos + width * sin)) + 2 * drag + 4
    columns = int(np.ceil(width * cos + height * sin)) + 4
    grains = int(np.ceil(rows / sheet.grain_px)) + 1, int(np.ceil(columns / sheet.grain_px)) + 1
    noise = np.maximum(rng.random(grains, dtype=np.float32) - np.float32(1.0 - sheet.fill), 0.0)
    noise *= np.float32(1.0 / sheet.fill)
    if sheet.grain_px != 1.0:
        noise = cv2.resize(noise, (columns, rows), interpolation=cv2.INTER_LINEAR)
    # A short second pass rounds the ends off.
    dragged = cv2.blur(noise[:rows, :columns], (1, drag))
    dragged = cv2.blur(dragged, (1, max(1, drag // 3)))

    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(dragged))
    black = mean + (2.5 * sheet.contrast - 1.0) * deviation
    white = mean + 3.5 * deviation
    dragged = np.clip(
        (dragged - np.float32(max(black, 0.0))) / np.float32(max(white - black, 1e-6)), 0.0, 1.0
    )

    # Turned about the middle: what leans to the right at its foot has a positive angle.
    pose = np.array([[np.cos(angle), np.sin(angle), 0.0], [-np.sin(angle), np.cos(angle), 0.0]])
    pose[:, 2] = (width / 2.0, height / 2.0) - pose[:, :2] @ (columns / 2.0, rows / 2.0)
    turned = cv2.warpAffine(dragged, pose, (width, height), flags=cv2.INTER_LINEAR)
    turned *= np.float32(sheet.brightness)
    return turned
