"""Single streaks of rain, each drawn on its own: a line, a tapered spindle, or a photograph's rippled streak.

A drop falls during the exposure and leaves a streak: bright along its middle, soft across. It is not equally
bright along its length, because the drop oscillates while it falls (K. Garg and S. K. Nayar, "Photorealistic
Rendering of Rain Streaks", ACM Transactions on Graphics 25 (3), 2006).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# The profile (1 - u^2)^2 across a streak is half as high at u = 0.541 on either side.
_RADIUS_OF_WIDTH = 1.0 / (2.0 * 0.541)
# Thinner streaks are drawn this wide and as much fainter: so they lose no light between two pixels.
_THINNEST_PX = 1.0


@dataclass(frozen=True)
class StreakLayer:
    """Streaks at one distance from the camera: see `StreakRanges`.

    Attributes:
        count: streaks per 100 000 pixels (a frame of 640x360 has 2.3 times that).
        angle_deg: lean of the fall from the vertical, in degrees.
        spread_deg: how single streaks differ from it (standard deviation).
        length_px: mean length; single ones have half to one and a half of it.
        width_px: mean width; single ones have 0.7 to 1.3 of it.
        brightness, taper, ripple, ripples: as of the ranges; those that taper also narrow to their ends.
    """

    count: float
    angle_deg: float
    spread_deg: float
    length_px: float
    width_px: float
    brightness: float
    taper: float = 0.0
    ripple: float = 0.0
    ripples: float = 0.0


def render_streaks(layer: StreakLayer, height: int, width: int, rng: np.random.Generator) -> Floats:
    """One layer's streaks: float32 [H, W], 0 where there are none; where streaks cross they add up."""
    angle = np.deg2rad(layer.angle_deg)
    if abs(np.sin(angle)) <= abs(np.cos(angle)):
        return _render_steep(layer, angle, height, width, rng)
    steep = np.copysign(np.pi / 2.0 - abs(angle), angle)
    # The rows of the transposed picture are its columns: there, too, every streak is steep.
    return np.ascontiguousarray(_render_steep(layer, steep, width, height, rng).T)


def _render_steep(
    layer: StreakLayer, angle: float, height: int, width: int, rng: np.random.Generator
) -> Floats:
    """The streaks of a layer that cross more rows than columns, float32 [H, W]."""
    reach = 0.75 * layer.length_px
    margin_x, margin_y = reach * abs(np.sin(angle)) + layer.width_px, reach * abs(np.cos(angle))
    area = (height + 2.0 * margin_y) * (width + 2.0 * margin_x)
    count = int(rng.poisson(layer.count * area / 1e5))
    x = rng.uniform(-margin_x, width + margin_x, count)
    y = rng.uniform(-margin_y, height + margin_y, count)
    # More than 60 degrees from the vertical a row would hold too much of a streak.
    lean = np.clip(angle + np.deg2rad(layer.spread_deg) * rng.standard_normal(count), -1.05, 1.05)
    half = 0.5 * layer.length_px * rng.uniform(0.5, 1.5, count) * np.cos(lean)
    thick = np.maximum(layer.width_px * rng.uniform(0.7, 1.3, count), _THINNEST_PX)
    # Most streaks are middling, and the brightest eighth of them is equally bright.
    peak = layer.brightness * np.minimum(1.4 * rng.beta(2.0, 2.5, count), 1.0)
    peak *= min(1.0, layer.width_px / _THINNEST_PX)
    phase = rng.uniform(0.0, 2.0 * np.pi, count)

    # One entry for each row that a streak crosses inside the picture.
    first = np.maximum(np.ceil(y - half), 0.0).astype(np.intp)
    rows = np.maximum(np.minimum(np.floor(y + half), height - 1.0).astype(np.intp) - first + 1, 0)
    which = np.repeat(np.arange(count), rows)
    row = np.arange(which.size) - np.repeat(np.cumsum(rows) - rows, rows) + first[which]
    of_streak = np.stack((x, y, 1.0 / half, np.tan(lean), np.cos(lean), thick, peak, phase)).astype(
        np.float32
    )
    x, y, per_half, slope, across, thick, peak, phase = of_streak[:, which]
    from_middle = row.astype(np.float32) - y

    along = from_middle * per_half
    if layer.taper > 0.0:
        fade = np.clip((1.0 - np.abs(along)) / np.float32(layer.taper), 0.0, 1.0)
        peak = peak * fade
        thick = np.maximum(thick * (0.5 + 0.5 * fade), np.float32(_THINNEST_PX))
    if layer.ripple > 0.0:
        wave = np.cos(np.float32(np.pi * layer.ripples) * along + phase)
        peak = peak * (1.0 - np.float32(0.5 * layer.ripple) * (1.0 + wave))

    middle = x + slope * from_middle
    radius = thick * np.float32(_RADIUS_OF_WIDTH) / across
    side = int(np.ceil(radius.max(initial=0.0)))
    nearest = np.rint(middle)
    light = np.zeros(height * width)
    for tap in range(-side, side + 1):
        column = nearest + tap
        offset = (column - middle) / radius
        profile = np.maximum(1.0 - offset * offset, 0.0)
        inside = (profile > 0.0) & (column >= 0.0) & (column < width)
        place = row[inside] * width + column[inside].astype(np.intp)
        value = peak[inside] * np.square(profile[inside])
        light += np.bincount(place, value, minlength=height * width)
    return light.reshape(height, width).astype(np.float32)
