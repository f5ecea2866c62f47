"""The families of rain streaks, each drawn from its ranges for a frame of a given scale."""

import numpy as np

from training.degradation.bounds import log_uniform, uniform, whole
from training.degradation.rain.dragged_noise import DraggedNoise
from training.degradation.rain.ranges import DraggedNoiseRanges, RainRanges, StreakRanges
from training.degradation.rain.streaks import StreakLayer

Streaks = StreakLayer | DraggedNoise


def draw_family(
    family: str, ranges: RainRanges, angle_deg: float, scale: float, rng: np.random.Generator
) -> tuple[Streaks, ...]:
    """Streaks of one family.

    Args:
        family: one of `FAMILIES`.
        ranges: what they are drawn from.
        angle_deg: the rain's lean from the vertical, in degrees.
        scale: frame's height relative to the ranges' reference height.
        rng: decides.
    """
    if family == 'dragged_noise':
        return _draw_dragged_noise(ranges.dragged_noise, angle_deg, scale, rng)
    if family == 'lines':
        return _draw_depths(ranges.lines, angle_deg, scale, rng)
    return _draw_directions(
        ranges.tapered if family == 'tapered' else ranges.photographic, angle_deg, scale, rng
    )


def _draw_depths(
    ranges: StreakRanges, angle_deg: float, scale: float, rng: np.random.Generator
) -> tuple[StreakLayer, ...]:
    """Layers from far to near: the nearer the longer, the wider and the fewer."""
    layers = whole(rng, ranges.layers)
    coverage = log_uniform(rng, ranges.coverage) / layers
    length = log_uniform(rng, ranges.length_px) * scale
    width = log_uniform(rng, ranges.width_px) * scale
    brightness = log_uniform(rng, ranges.brightness)
    drawn = []
    for index in range(layers):
        nearness = (index + 0.5) / layers
        drawn.append(
            _layer(
                ranges,
                coverage=coverage,
                angle_deg=angle_deg + rng.uniform(-0.5, 0.5) * uniform(rng, ranges.fan_deg),
                length_px=length * (0.4 + 1.2 * nearness),
                width_px=width * (0.5 + nearness),
                brightness=brightness * rng.uniform(0.7, 1.0),
                rng=rng,
            )
        )
    return tuple(drawn)


def _draw_directions(
    ranges: StreakRanges, angle_deg: float, scale: float, rng: np.random.Generator
) -> tuple[StreakLayer, ...]:
    """Layers of any length and width, whose directions fan out."""
    layers = whole(rng, ranges.layers)
    coverage = log_uniform(rng, ranges.coverage) / layers
    brightness = log_uniform(rng, ranges.brightness)
    # Most rain has one direction: the square leaves wide fans to few frames.
    fan = ranges.fan_deg[0] + (ranges.fan_deg[1] - ranges.fan_deg[0]) * rng.random() ** 2
    return tuple(
        _layer(
            ranges,
            coverage=coverage,
            angle_deg=angle_deg + fan * rng.uniform(-0.5, 0.5),
            length_px=log_uniform(rng, ranges.length_px) * scale,
            width_px=log_uniform(rng, ranges.width_px) * scale,
            brightness=brightness * rng.uniform(0.7, 1.0),
            rng=rng,
        )
        for _ in range(layers)
    )


def _layer(
    ranges: StreakRanges,
    *,
    coverage: float,
    angle_deg: float,
    length_px: float,
    width_px: float,
    brightness: float,
    rng: np.random.Generator,
) -> StreakLayer:
    # A streak as wide as it is long is a spot.
    length_px = max(length_px, 5.0 * width_px)
    return StreakLayer(
        count=1e5 * coverage / (length_px * width_px),
        angle_deg=angle_deg,
        spread_deg=rng.uniform(0.3, 2.5),
        length_px=length_px,
        width_px=width_px,
        brightness=brightness,
        taper=uniform(rng, ranges.taper),
        ripple=uniform(rng, ranges.ripple),
        ripples=uniform(rng, ranges.ripples),
    )


def _draw_dragged_noise(
    ranges: DraggedNoiseRanges, angle_deg: float, scale: float, rng: np.random.Generator
) -> tuple[DraggedNoise, ...]:
    brightness = log_uniform(rng, ranges.brightness)
    return tuple(
        DraggedNoise(
            grain_px=max(1.0, log_uniform(rng, ranges.grain_px) * scale),
            fill=log_uniform(rng, ranges.fill),
            angle_deg=angle_deg + rng.uniform(-1.5, 1.5),
            length_px=log_uniform(rng, ranges.length_px) * scale,
            contrast=uniform(rng, ranges.contrast),
            brightness=brightness * rng.uniform(0.6, 1.0),
        )
        for _ in range(whole(rng, ranges.sheets))
    )
