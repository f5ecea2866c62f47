"""What rain is drawn from. Pixels are those of a frame as high as the `reference_height`.

Coverage, brightness, width and length are drawn log-uniformly, so that each factor is as likely: from drizzle
that is hardly seen to a downpour that hides the scene.
"""

from dataclasses import dataclass, field
from typing import Annotated

from training.degradation.bounds import (
    Angles,
    Counts,
    NotNegative,
    Positive,
    PositiveShares,
    Ranges,
    Share,
    Shares,
    Weights,
)

FAMILIES = ('lines', 'tapered', 'dragged_noise', 'photographic')
"""Kinds of streaks: see `training.degradation.rain.falling`."""


@dataclass(frozen=True)
class StreakRanges(Ranges):
    """Streaks that are drawn one by one; as they stand, plain lines.

    Attributes:
        coverage: area of all streaks together, relative to the frame's.
        length_px: mean length.
        width_px: mean width at half of the height.
        brightness: of the brightest streaks before black, as a pixel value, 0..1.
        layers: distances or directions in one frame, whole numbers.
        fan_deg: how far the directions of the layers differ, in degrees.
        taper: share of a streak over which it fades towards its ends.
        ripple: how much darker a streak is at its darkest places.
        ripples: number of dark places along a streak.
    """

    coverage: Positive = (0.02, 0.5)
    length_px: Positive = (8.0, 55.0)
    width_px: Positive = (0.8, 3.0)
    brightness: PositiveShares = (0.15, 0.9)
    layers: Counts = (1, 4)
    fan_deg: NotNegative = (0.0, 4.0)
    taper: Shares = (0.0, 0.3)
    ripple: Shares = (0.0, 0.0)
    ripples: NotNegative = (0.0, 0.0)


@dataclass(frozen=True)
class TaperedRanges(StreakRanges):
    """Bright spindles, up to white, some of them in several directions at once."""

    coverage: Positive = (0.02, 0.4)
    length_px: Positive = (8.0, 120.0)
    width_px: Positive = (1.0, 5.0)
    brightness: PositiveShares = (0.15, 1.0)
    fan_deg: NotNegative = (0.0, 40.0)
    taper: Shares = (0.2, 1.0)


@dataclass(frozen=True)
class PhotographicRanges(StreakRanges):
    """Streaks as photographs show them: bright along the middle, their brightness oscillating."""

    coverage: Positive = (0.02, 0.4)
    length_px: Positive = (10.0, 70.0)
    width_px: Positive = (1.0, 4.0)
    taper: Shares = (0.1, 0.5)
    ripple: Shares = (0.15, 0.6)
    ripples: NotNegative = (1.0, 8.0)


@dataclass(frozen=True)
class DraggedNoiseRanges(Ranges):
    """Noise that is dragged along a line: see `DraggedNoise`.

    `sheets` is how many of them, each of its own grain, one frame has; the others are ranges of its numbers.
    """

    grain_px: Positive = (1.0, 4.0)
    fill: PositiveShares = (0.05, 1.0)
    length_px: Positive = (7.0, 60.0)
    contrast: Shares = (0.0, 0.9)
    brightness: PositiveShares = (0.2, 0.9)
    sheets: Counts = (1, 2)


@dataclass(frozen=True)
class RainRanges(Ranges):
    """Falling rain.

    Attributes:
        families: relative weights of the families in `FAMILIES`.
        second_share: share of the rainy frames that mix two families, 0..1.
        lines: streaks in layers from far (thin, short, many) to near.
        tapered: bright spindles, in one direction or several at once.
        photographic: streaks whose brightness oscillates along them.
        dragged_noise: image editors' rain.
        angle_deg: lean from the vertical, in degrees.
        display_share: share of the frames whose streaks are added to pixel values instead of light.
        screen_share: share of the frames whose streaks take a share of what is missing to white.
        veil_share: share of the frames behind a veil of far rain.
        veil: share of the light that the veil replaces where it is thickest.
        veil_light: the grey of far rain, linear, 0..1.
        veil_nearest: the veil's thinnest place relative to its thickest.
    """

    families: Annotated[dict[str, float], Weights(FAMILIES)] = field(
        default_factory=lambda: {'lines': 0.2, 'tapered': 0.3, 'dragged_noise': 0.3, 'photographic': 0.2}
    )
    second_share: Share = 0.2
    lines: StreakRanges = StreakRanges()
    tapered: TaperedRanges = TaperedRanges()
    photographic: PhotographicRanges = PhotographicRanges()
    dragged_noise: DraggedNoiseRanges = DraggedNoiseRanges()
    angle_deg: Angles = (-45.0, 45.0)
    display_share: Share = 0.6
    screen_share: Share = 0.5
    veil_share: Share = 0.35
    veil: Shares = (0.02, 0.2)
    veil_light: Shares = (0.2, 0.7)
    veil_nearest: Shares = (0.0, 1.0)
