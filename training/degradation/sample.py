"""Draw how a frame is degraded, then degrade it: motion blur -> streaks -> drops on the lens -> sensor.

Drawing and applying are apart, so that a drawn degradation can be looked at, kept, or applied by other means.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from training.degradation.lens_drops import Drop, add_drops, draw_drops, render_drops
from training.degradation.linear_light import to_display, to_linear
from training.degradation.motion_blur import Trajectory, blur, draw_trajectory
from training.degradation.rain import Rain, add_rain, draw_rain
from training.degradation.sensor import Sensor, expose

KINDS: dict[str, frozenset[str]] = {
    'clean': frozenset(),
    'blur': frozenset({'blur'}),
    'streaks': frozenset({'streaks'}),
    'drops': frozenset({'drops'}),
    'blur_streaks': frozenset({'blur', 'streaks'}),
    'blur_drops': frozenset({'blur', 'drops'}),
    'streaks_drops': frozenset({'streaks', 'drops'}),
    'all': frozenset({'blur', 'streaks', 'drops'}),
}
"""Which effects a frame of each kind has; the sensor's noise is on all of them."""

Range = tuple[float, float]


class _Ranges:
    """Refuses ranges that cannot be drawn from."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, tuple) and not value[0] <= value[1]:
                raise ValueError(f'{name} is {list(value)}, want [lowest, highest]')
            if name in self._positive and not value[0] > 0.0:
                raise ValueError(f'{name} is {list(value)}, want both above 0')

    _positive: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class BlurRanges(_Ranges):
    """Motion blur: see `draw_trajectory`. `extent_px` is drawn log-uniformly, the others uniformly."""

    _positive = frozenset({'extent_px'})

    extent_px: Range = (2.0, 26.0)
    curvature: Range = (0.0, 0.8)
    roll_rad: Range = (0.0, 0.02)
    zoom: Range = (0.0, 0.02)


@dataclass(frozen=True)
class RainRanges(_Ranges):
    """Rain: see `draw_rain`. `density` is drawn log-uniformly, the others uniformly."""

    _positive = frozenset({'density', 'length_px'})

    density: Range = (30.0, 500.0)
    angle_deg: Range = (-40.0, 40.0)
    length_px: Range = (8.0, 55.0)
    brightness: Range = (0.08, 0.5)
    veil: Range = (0.0, 0.15)


@dataclass(frozen=True)
class DropRanges(_Ranges):
    """Drops on the lens: `per_megapixel` (43 is ten drops on 640x360), radius and defocus in pixels."""

    _positive = frozenset({'radius_px'})

    per_megapixel: Range = (40.0, 350.0)
    radius_px: Range = (4.0, 28.0)
    opacity: Range = (0.7, 1.0)
    defocus_px: Range = (0.8, 3.0)


@dataclass(frozen=True)
class SensorRanges(_Ranges):
    """Sensor noise in grey levels; a share of frames is JPEG compressed."""

    read_noise: Range = (0.5, 2.0)
    shot_noise: Range = (0.5, 3.0)
    jpeg_share: float = 0.2
    jpeg_quality: Range = (75.0, 98.0)


@dataclass(frozen=True)
class DegradationConfig:
    """How training frames are degraded. `kinds` are relative weights of the kinds in `KINDS`."""

    kinds: dict[str, float] = field(
        default_factory=lambda: {
            'clean': 0.08,
            'blur': 0.28,
            'streaks': 0.14,
            'drops': 0.14,
            'blur_streaks': 0.08,
            'blur_drops': 0.06,
            'streaks_drops': 0.04,
            'all': 0.18,
        }
    )
    blur: BlurRanges = BlurRanges()
    rain: RainRanges = RainRanges()
    drops: DropRanges = DropRanges()
    sensor: SensorRanges = SensorRanges()

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.kinds) - set(KINDS)):
            raise ValueError(f'kinds has {", ".join(unknown)}, want only {", ".join(KINDS)}')
        if min(self.kinds.values(), default=0.0) < 0.0 or not sum(self.kinds.values()) > 0.0:
            raise ValueError('kinds needs weights of 0 or more, and one above 0')


@dataclass(frozen=True, eq=False)
class Degradation:
    """Everything that happens to one frame; what is None or empty does not happen."""

    trajectory: Trajectory | None
    rain: Rain | None
    drops: tuple[Drop, ...]
    defocus_px: float
    sensor: Sensor


def draw_kind(config: DegradationConfig, rng: np.random.Generator) -> str:
    """A kind of `KINDS`, by the weights of the config."""
    names = list(config.kinds)
    weights = np.array([config.kinds[name] for name in names])
    return names[rng.choice(len(names), p=weights / weights.sum())]


def draw(
    config: DegradationConfig, kind: str, height: int, width: int, rng: np.random.Generator
) -> Degradation:
    """Parameters of one degradation of a kind, for an image of the given size."""
    effects = KINDS[kind]
    drops, defocus = _draw_drops(config.drops, height, width, rng) if 'drops' in effects else ((), 0.0)
    return Degradation(
        trajectory=_draw_blur(config.blur, height, width, rng) if 'blur' in effects else None,
        rain=_draw_rain(config.rain, rng) if 'streaks' in effects else None,
        drops=drops,
        defocus_px=defocus,
        sensor=_draw_sensor(config.sensor, rng),
    )


def degrade(sharp: NDArray[np.uint8], degradation: Degradation) -> NDArray[np.uint8]:
    """Apply a degradation: uint8 [H, W, 3] RGB, 0..255, in and out; the same input gives the same output."""
    height, width = sharp.shape[:2]
    light = to_linear(sharp)
    if degradation.trajectory is not None:
        light = blur(light, degradation.trajectory)
    if degradation.rain is not None:
        light = add_rain(light, degradation.rain)
    if degradation.drops:
        light = add_drops(
            light, render_drops(degradation.drops, height, width, defocus_px=degradation.defocus_px)
        )
    return expose(to_display(light), degradation.sensor)


def _log_uniform(rng: np.random.Generator, bounds: Range) -> float:
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def _draw_blur(ranges: BlurRanges, height: int, width: int, rng: np.random.Generator) -> Trajectory:
    return draw_trajectory(
        rng,
        extent_px=_log_uniform(rng, ranges.extent_px),
        curvature=rng.uniform(*ranges.curvature),
        roll_rad=rng.uniform(*ranges.roll_rad),
        zoom=rng.uniform(*ranges.zoom),
        reach_px=float(np.hypot(height, width) / 2.0),
    )


def _draw_rain(ranges: RainRanges, rng: np.random.Generator) -> Rain:
    return draw_rain(
        rng,
        density=_log_uniform(rng, ranges.density),
        angle_deg=rng.uniform(*ranges.angle_deg),
        length_px=rng.uniform(*ranges.length_px),
        brightness=rng.uniform(*ranges.brightness),
        veil=rng.uniform(*ranges.veil),
        layers=int(rng.integers(1, 5)),
    )


def _draw_drops(
    ranges: DropRanges, height: int, width: int, rng: np.random.Generator
) -> tuple[tuple[Drop, ...], float]:
    count = max(1, round(rng.uniform(*ranges.per_megapixel) * height * width / 1e6))
    largest = rng.uniform(*ranges.radius_px)
    radius = (ranges.radius_px[0], max(largest, 1.5 * ranges.radius_px[0]))
    drops = draw_drops(rng, height, width, count=count, radius_px=radius, opacity=ranges.opacity)
    return drops, rng.uniform(*ranges.defocus_px)


def _draw_sensor(ranges: SensorRanges, rng: np.random.Generator) -> Sensor:
    compressed = rng.random() < ranges.jpeg_share
    return Sensor(
        read_noise=rng.uniform(*ranges.read_noise),
        shot_noise=rng.uniform(*ranges.shot_noise),
        jpeg_quality=round(rng.uniform(*ranges.jpeg_quality)) if compressed else None,
        seed=int(rng.integers(2**31)),
    )
