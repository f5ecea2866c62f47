"""Water that covers the glass in a film: trickles that run down, and the arcs that a wiper leaves.

A film is a weak lens where its thickness changes, and a diffuser elsewhere: the scene behind it is displaced
by the slope of its thickness, blurred, and a little brighter, because it scatters the sky's light.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_FINE = 4  # Bits of a pixel's fraction in which OpenCV draws.


@dataclass(frozen=True)
class Trickle:
    """A rivulet down the glass, through `points` (x and y, in pixels) from the top down."""

    points: tuple[tuple[float, float], ...]
    width_px: float


@dataclass(frozen=True)
class Smear:
    """Arcs around a wiper's pivot at `x` and `y`, outside of the picture, and their distance, all in pixels.

    `strength` is the thickness of the thickest, 0..1; `seed` decides where the arcs are.
    """

    x: float
    y: float
    spacing_px: float
    strength: float
    seed: int


@dataclass(frozen=True)
class Film:
    """Water on one pane.

    Attributes:
        trickles: rivulets.
        smear: what a wiper left, or None.
        bend_px: displacement of the scene per unit of slope (thickness per pixel).
        blur_px: blur of the scene behind it (standard deviation).
        scatter: light that is added where it is thickest, linear.
    """

    trickles: tuple[Trickle, ...]
    smear: Smear | None
    bend_px: float
    blur_px: float
    scatter: float


def thickness_of(film: Film, height: int, width: int) -> Floats:
    """Thickness of the film: float32 [H, W], 0..1."""
    thickness = np.zeros((height, width), np.float32)
    for trickle in film.trickles:
        drawn = np.zeros((height, width), np.uint8)
        points = np.rint(np.array(trickle.points) * (1 << _FINE)).astype(np.int32)
        wide = max(1, round(trickle.width_px))
        cv2.polylines(drawn, [points[:, None]], False, 255, wide, cv2.LINE_AA, _FINE)
        # Round across, as water on glass is.
        soft = cv2.GaussianBlur(drawn, (0, 0), max(0.5, trickle.width_px / 3.0))
        np.maximum(thickness, soft.astype(np.float32) * np.float32(1.0 / 255.0), out=thickness)
    if film.smear is not None:
        np.maximum(thickness, _arcs(film.smear, height, width), out=thickness)
    return thickness


def add_film(light: Floats, film: Film, thickness: Floats) -> Floats:
    """The picture through a film: float32 [H, W, 3], linear light, in and out; see `thickness_of`."""
    height, width = thickness.shape
    slope_x = cv2.Sobel(thickness, cv2.CV_32F, 1, 0, scale=0.125)
    slope_y = cv2.Sobel(thickness, cv2.CV_32F, 0, 1, scale=0.125)
    rows, columns = np.indices((height, width), dtype=np.float32)
    bend = np.float32(film.bend_px)
    behind = cv2.GaussianBlur(light, (0, 0), film.blur_px) if film.blur_px > 0.0 else light
    seen = cv2.remap(
        behind,
        columns + bend * slope_x,
        rows + bend * slope_y,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return light + thickness[..., None] * (seen + np.float32(film.scatter) - light)


def _arcs(smear: Smear, height: int, width: int) -> Floats:
    """Thickness of a smear: float32 [H, W], 0..strength."""
    rng = np.random.default_rng(smear.seed)
    rows, columns = np.indices((height, width), dtype=np.float32)
    dx, dy = columns - np.float32(smear.x), rows - np.float32(smear.y)
    away = np.hypot(dx, dy) / np.float32(smear.spacing_px)
    around = np.arctan2(dy, dx)
    # A sheet of noise in polar coordinates: it changes quickly from arc to arc, and slowly along them.
    away -= away.min()
    around = (around - around.min()) * np.float32(6.0)
    noise = rng.random((int(around.max()) + 3, int(away.max()) + 3), dtype=np.float32)
    arcs = cv2.remap(noise, away, around, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.maximum(arcs - 0.35, 0.0) * np.float32(smear.strength / 0.65)
