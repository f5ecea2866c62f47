"""Falling rain: streaks of light added to the picture (paper eq. 7), and the veil of the rain far away."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class StreakLayer:
    """Streaks at one distance from the camera: near ones are long, wide, few and out of focus.

    Attributes:
        count: streaks per 100 000 pixels (a frame of 640x360 has 2.3 times that).
        angle_deg: lean of the fall from the vertical, in degrees; single streaks vary by a few.
        length_px: mean length.
        width_px: blur across the streak (standard deviation of a Gaussian), 0 for the sharpest.
        brightness: light a streak adds at its brightest, in linear light, 0..1.
    """

    count: float
    angle_deg: float
    length_px: float
    width_px: float
    brightness: float


@dataclass(frozen=True)
class Rain:
    """Rain in one frame; another `seed` is the same rain at another moment.

    Attributes:
        layers: streaks by distance.
        veil: share of the light that is replaced by the grey of far rain, 0..1.
        veil_light: the grey of far rain, in linear light, 0..1.
        seed: where the streaks are.
    """

    layers: tuple[StreakLayer, ...]
    veil: float
    veil_light: float
    seed: int


def draw_rain(
    rng: np.random.Generator,
    *,
    density: float,
    angle_deg: float,
    length_px: float,
    brightness: float,
    veil: float = 0.0,
    layers: int = 3,
) -> Rain:
    """Rain as layers from far to near.

    Args:
        rng: variation between the layers and the placement seed.
        density: streaks per 100 000 pixels, all layers together; 40 is light, 400 heavy.
        angle_deg: lean from the vertical, in degrees.
        length_px: mean length of the streaks of the middle layer.
        brightness: light of the brightest streaks, in linear light.
        veil: share of light replaced by far rain.
        layers: number of distances, at least one.
    """
    drawn = []
    for index in range(layers):
        nearness = (index + 0.5) / layers
        drawn.append(
            StreakLayer(
                count=density * (1.0 - nearness) * 2.0 / layers,
                angle_deg=angle_deg + rng.uniform(-2.0, 2.0),
                length_px=length_px * (0.4 + 1.2 * nearness),
                width_px=(0.4 + 1.4 * nearness * nearness) * rng.uniform(0.7, 1.3),
                brightness=brightness * rng.uniform(0.7, 1.0),
            )
        )
    return Rain(tuple(drawn), veil=veil, veil_light=rng.uniform(0.3, 0.6), seed=int(rng.integers(2**31)))


def streaks(rain: Rain, height: int, width: int) -> NDArray[np.float32]:
    """The streaks alone: float32 [H, W], linear light to add to every channel."""
    rng = np.random.default_rng(rain.seed)
    light = np.zeros((height, width), np.float32)
    for layer in rain.layers:
        light += _layer_light(layer, height, width, rng)
    return light


def add_rain(light: NDArray[np.float32], rain: Rain) -> NDArray[np.float32]:
    """The picture behind rain: float32 [H, W, 3], linear light, may exceed 1 (the sensor clips)."""
    height, width = light.shape[:2]
    veiled = light * np.float32(1.0 - rain.veil) + np.float32(rain.veil * rain.veil_light)
    return veiled + streaks(rain, height, width)[..., None]


def _layer_light(
    layer: StreakLayer, height: int, width: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """One layer's light, float32 [H, W]."""
    margin = layer.length_px
    area = (height + 2 * margin) * (width + 2 * margin)
    count = rng.poisson(layer.count * area / 1e5)
    middle = rng.uniform((-margin, -margin), (width + margin, height + margin), size=(count, 2))
    length = layer.length_px * rng.uniform(0.5, 1.5, size=(count, 1))
    angle = np.deg2rad(layer.angle_deg + rng.normal(0.0, 1.5, size=count))
    half = 0.5 * length * np.stack((np.sin(angle), np.cos(angle)), axis=1)
    # Most streaks are middling, and the brightest eighth of them is equally bright. None is fainter than 8:
    # once blurred to its width it would leave no trace.
    level = np.clip(255.0 * rng.beta(2.0, 2.5, size=count) * 1.4, 8.0, 255.0)

    scale = 1 << _SUBPIXEL_BITS
    starts = np.rint((middle - half) * scale).astype(int)
    ends = np.rint((middle + half) * scale).astype(int)
    drawn = np.zeros((height, width), np.uint8)
    for start, end, grey in zip(starts.tolist(), ends.tolist(), level.tolist(), strict=True):
        cv2.line(drawn, start, end, grey, 1, cv2.LINE_AA, _SUBPIXEL_BITS)

    soft = drawn.astype(np.float32)
    if layer.width_px > 0.0:
        # A line blurred across loses height as it gains width; a near streak is wide and still bright, so
        # half of the loss is given back.
        height_kept = np.sqrt(max(1.0, 2.5 * layer.width_px))
        soft = cv2.GaussianBlur(soft, (0, 0), layer.width_px) * np.float32(height_kept)
    return soft * np.float32(layer.brightness / 255.0)
