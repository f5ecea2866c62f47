"""The rain of one frame: families of streaks that are drawn, and how they come over it (paper eq. 7)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.degradation.bounds import choose, happens, log_uniform, uniform, whole
from training.degradation.linear_light import GAMMA
from training.degradation.rain.dragged_noise import DraggedNoise, render_dragged_noise
from training.degradation.rain.ranges import DraggedNoiseRanges, RainRanges, StreakRanges
from training.degradation.rain.streaks import StreakLayer, render_streaks
from training.degradation.veil import Veil, add_veil, draw_veil

Streaks = StreakLayer | DraggedNoise

Shape = tuple[float, float, float, float]
"""Of a layer: angle off the rain's in degrees, length and width in pixels, brightness."""


@dataclass(frozen=True)
class Rain:
    """Rain in one frame; another `seed` is the same rain at another moment.

    Attributes:
        streaks: layers of streaks and sheets of noise, whose brightness is a pixel value before black.
        in_display: streaks come over pixel values, as an image editor adds them, instead of over light.
        screened: streaks take a share of what is missing to white, instead of adding up.
        veil: far rain, or none.
        seed: where the streaks are.
    """

    streaks: tuple[Streaks, ...]
    in_display: bool
    screened: bool
    veil: Veil | None
    seed: int


def draw_rain(ranges: RainRanges, rng: np.random.Generator, *, scale: float = 1.0) -> Rain:
    """Rain of one or two families; `scale` is the frame's height over the one that the ranges are for."""
    angle = uniform(rng, ranges.angle_deg)
    streaks = draw_family(choose(rng, ranges.families), ranges, angle, scale, rng)
    if happens(rng, ranges.second_share):
        streaks += draw_family(choose(rng, ranges.families), ranges, angle, scale, rng)
    veil = None
    if happens(rng, ranges.veil_share):
        veil = draw_veil(
            rng,
            share=uniform(rng, ranges.veil),
            light=uniform(rng, ranges.veil_light),
            nearest=uniform(rng, ranges.veil_nearest),
            by_position=bool(rng.random() < 0.5),
        )
    return Rain(
        streaks,
        in_display=happens(rng, ranges.display_share),
        screened=happens(rng, ranges.screen_share),
        veil=veil,
        seed=int(rng.integers(2**31)),
    )


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


def render_rain(rain: Rain, height: int, width: int) -> NDArray[np.float32]:
    """The streaks alone, as pixel values before black: float32 [H, W], 0 or more, for every channel."""
    rng = np.random.default_rng(rain.seed)
    total = np.zeros((height, width), np.float32)
    for streaks in rain.streaks:
        if isinstance(streaks, StreakLayer):
            total += render_streaks(streaks, height, width, rng)
        else:
            total += render_dragged_noise(streaks, height, width, rng)
    return total


def add_rain(light: NDArray[np.float32], rain: Rain) -> NDArray[np.float32]:
    """The picture behind rain: float32 [H, W, 3], linear light; it may exceed 1 (the sensor clips)."""
    if rain.veil is not None:
        light = add_veil(light, rain.veil)
    streaks = render_rain(rain, *light.shape[:2])[..., None]
    if not rain.in_display:
        return _over(light, np.power(streaks, np.float32(GAMMA)), rain.screened)
    display = np.power(light, np.float32(1.0 / GAMMA))
    return np.power(_over(display, streaks, rain.screened), np.float32(GAMMA))


def _over(below: NDArray[np.float32], streaks: NDArray[np.float32], screened: bool) -> NDArray[np.float32]:
    if not screened:
        return below + streaks
    # What is brighter than white already stays as it is.
    return below + np.minimum(streaks, 1.0) * np.maximum(1.0 - below, 0.0)
