"""The families of rain streaks, each drawn from its ranges for a frame of a given scale."""

from collections.abc import Iterator

import numpy as np

from training.degradation.bounds import log_uniform, uniform, whole
from training.degradation.rain.dragged_noise import DraggedNoise
from training.degradation.rain.ranges import DraggedNoiseRanges, RainRanges, StreakRanges
from training.degradation.rain.streaks import StreakLayer

Streaks = StreakLayer | DraggedNoise

Shape = tuple[float, float, float, float]
"""Of a layer: angle off the rain's in degrees, length and width in pixels, brightness."""


def draw_family(
    family: str, ranges: RainRanges, angle_deg: float, scale: float, rng: np.random.Generator
) -> tuple[Streaks, ...]:
    """Streaks of one of `FAMILIES`, around the rain's lean from the vertical.

    `scale` is the frame's height over the ranges' reference height.
    """
    if family == 'dragged_noise':
        return tuple(_sheets(ranges.dragged_noise, angle_deg, scale, rng))
    own: StreakRanges = getattr(ranges, family)
    layers = whole(rng, own.layers)
    coverage = log_uniform(rng, own.coverage) / layers
    shapes = (_depths if family == 'lines' else _directions)(own, layers, scale, rng)
    return tuple(_layer(own, coverage, angle_deg, shape, rng) for shape in shapes)


def _depths(ranges: StreakRanges, layers: int, scale: float, rng: np.random.Generator) -> Iterator[Shape]:
    """Layers from far to near: the nearer the longer, the wider and the fewer."""
    length_px = log_uniform(rng, ranges.length_px) * scale
    width_px = log_uniform(rng, ranges.width_px) * scale
    brightness = log_uniform(rng, ranges.brightness)
    for index in range(layers):
        nearness = (index + 0.5) / layers
        off_deg = rng.uniform(-0.5, 0.5) * uniform(rng, ranges.fan_deg)
        longer, wider = length_px * (0.4 + 1.2 * nearness), width_px * (0.5 + nearness)
        yield off_deg, longer, wider, brightness * rng.uniform(0.7, 1.0)


def _directions(ranges: StreakRanges, layers: int, scale: float, rng: np.random.Generator) -> Iterator[Shape]:
    """Layers of any length and width, whose directions fan out."""
    brightness = log_uniform(rng, ranges.brightness)
    # Most rain has one direction: the square leaves wide fans to few frames.
    fan_deg = ranges.fan_deg[0] + (ranges.fan_deg[1] - ranges.fan_deg[0]) * rng.random() ** 2
    for _ in range(layers):
        off_deg = fan_deg * rng.uniform(-0.5, 0.5)
        length_px, width_px = (log_uniform(rng, own) * scale for own in (ranges.length_px, ranges.width_px))
        yield off_deg, length_px, width_px, brightness * rng.uniform(0.7, 1.0)


def _layer(
    ranges: StreakRanges, coverage: float, angle_deg: float, shape: Shape, rng: np.random.Generator
) -> StreakLayer:
    off_deg, length_px, width_px, brightness = shape
    # A streak as wide as it is long is a spot.
    length_px = max(length_px, 5.0 * width_px)
    return StreakLayer(
        count=1e5 * coverage / (length_px * width_px),
        angle_deg=angle_deg + off_deg,
        spread_deg=rng.uniform(0.3, 2.5),
        length_px=length_px,
        width_px=width_px,
        brightness=brightness,
        taper=uniform(rng, ranges.taper),
        ripple=uniform(rng, ranges.ripple),
        ripples=uniform(rng, ranges.ripples),
    )


def _sheets(
    ranges: DraggedNoiseRanges, angle_deg: float, scale: float, rng: np.random.Generator
) -> Iterator[DraggedNoise]:
    brightness = log_uniform(rng, ranges.brightness)
    for _ in range(whole(rng, ranges.sheets)):
        yield DraggedNoise(
            grain_px=max(1.0, log_uniform(rng, ranges.grain_px) * scale),
            fill=log_uniform(rng, ranges.fill),
            angle_deg=angle_deg + rng.uniform(-1.5, 1.5),
            length_px=log_uniform(rng, ranges.length_px) * scale,
            contrast=uniform(rng, ranges.contrast),
            brightness=brightness * rng.uniform(0.6, 1.0),
        )
