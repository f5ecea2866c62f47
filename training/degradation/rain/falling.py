"""The rain of one frame: what is drawn, and how it comes over the picture (paper eq. 7)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.degradation.bounds import choose, happens, uniform
from training.degradation.linear_light import GAMMA
from training.degradation.rain.dragged_noise import render_dragged_noise
from training.degradation.rain.families import Streaks, draw_family
from training.degradation.rain.ranges import RainRanges
from training.degradation.rain.streaks import StreakLayer, render_streaks
from training.degradation.veil import Veil, add_veil, draw_veil


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
