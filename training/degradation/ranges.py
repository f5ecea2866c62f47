"""How training frames are degraded: the ranges that degradations are drawn from."""

import math
from dataclasses import dataclass, field
from typing import Annotated, get_args, get_type_hints

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


@dataclass(frozen=True)
class Within:
    """Bounds of a number, or of both ends of a range, as an annotation; nothing infinite is within any."""

    lowest: float = -math.inf
    highest: float = math.inf
    above: float | None = None

    def __contains__(self, value: float) -> bool:
        is_above = self.above is None or value > self.above
        return math.isfinite(value) and is_above and self.lowest <= value <= self.highest

    def __str__(self) -> str:
        if self.above is not None:
            return f'above {self.above:g}' + (f' to {self.highest:g}' if self.highest < math.inf else '')
        return f'{self.lowest:g} ' + (f'to {self.highest:g}' if self.highest < math.inf else 'or more')


Range = tuple[float, float]
NotNegative = Annotated[Range, Within(0.0)]
Positive = Annotated[Range, Within(above=0.0)]
Shares = Annotated[Range, Within(0.0, 1.0)]
Share = Annotated[float, Within(0.0, 1.0)]
Counts = Annotated[tuple[int, int], Within(1)]


class _Ranges:
    """Refuses ranges that cannot be drawn from: ends the wrong way round, or outside their field's bounds."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            value, within = getattr(self, name), get_args(hint)[1]
            ends = value if isinstance(value, tuple) else (value,)
            shown = list(ends) if isinstance(value, tuple) else value
            if not ends[0] <= ends[-1]:
                raise ValueError(f'{name} is {shown}, want [lowest, highest]')
            if not all(end in within for end in ends):
                raise ValueError(f'{name} is {shown}, want {within}')


@dataclass(frozen=True)
class BlurRanges(_Ranges):
    """Motion blur by the camera. `extent_px` is drawn log-uniformly, the others uniformly.

    Attributes:
        extent_px: length of the path, in pixels.
        curvature: 0 is straight and steady, 1 strongly bent; of the smooth paths of `draw_trajectory`.
        roll_rad: rotation over the exposure, in radians.
        zoom: relative change of scale over the exposure.
        shake_share: share of the paths that are a shaken camera's, `draw_shake`, 0..1.
        anxiety: how restless those are, 0 straight to 1 a scribble.
        shutter: where a source gives neighbouring frames, the share of the time between the first and the
            last that the shutter is open, see `blur_between`.
    """

    extent_px: Positive = (2.0, 26.0)
    curvature: Shares = (0.0, 0.8)
    roll_rad: NotNegative = (0.0, 0.02)
    zoom: Shares = (0.0, 0.02)
    shake_share: Share = 0.0
    anxiety: Shares = (0.05, 1.0)
    shutter: Annotated[Range, Within(above=0.0, highest=1.0)] = (0.4, 1.0)


@dataclass(frozen=True)
class ForegroundRanges(_Ranges):
    """Things that move by themselves before a blurred scene. `extent_px` is drawn log-uniformly.

    Attributes:
        share: share of the blurred frames that have any, 0..1.
        count: how many, whole numbers.
        radius_part: mean radius as a part of the image's shorter side.
        extent_px: length of their paths, in pixels.
        softness_px: width of their edges, in pixels.
    """

    share: Share = 0.0
    count: Counts = (1, 3)
    radius_part: Positive = (0.08, 0.3)
    extent_px: Positive = (2.0, 26.0)
    softness_px: Positive = (0.7, 2.5)


@dataclass(frozen=True)
class RainRanges(_Ranges):
    """Rain: see `draw_rain`. `density` is drawn log-uniformly, the others uniformly.

    Attributes:
        density: streaks per 100 000 pixels.
        angle_deg: lean from the vertical, in degrees.
        length_px: mean length of the streaks of the middle layer, in pixels.
        brightness: light of the brightest streaks, linear, 0..1.
        veil: share of the light replaced by far rain, 0..1.
        layers: number of distances, whole numbers.
    """

    density: Positive = (30.0, 500.0)
    angle_deg: Annotated[Range, Within(-90.0, 90.0)] = (-40.0, 40.0)
    length_px: Positive = (8.0, 55.0)
    brightness: Shares = (0.08, 0.5)
    veil: Shares = (0.0, 0.15)
    layers: Counts = (1, 4)


@dataclass(frozen=True)
class DropRanges(_Ranges):
    """Drops on the lens.

    Attributes:
        per_megapixel: 43 is ten drops on 640x360.
        radius_px: mean radius, in pixels.
        opacity: share of the light that went through the drop, 0..1.
        defocus_px: blur of the scene in the drops (standard deviation), in pixels.
        sky_share: share of the wet frames whose drops show the sky, 0..1.
        sky: light of that sky, linear, 0..1.
    """

    per_megapixel: NotNegative = (40.0, 350.0)
    radius_px: Positive = (4.0, 28.0)
    opacity: Shares = (0.7, 1.0)
    defocus_px: NotNegative = (0.8, 3.0)
    sky_share: Share = 0.0
    sky: Shares = (0.15, 0.9)


@dataclass(frozen=True)
class SensorRanges(_Ranges):
    """Sensor noise in grey levels; a share of frames is JPEG compressed."""

    read_noise: NotNegative = (0.5, 2.0)
    shot_noise: NotNegative = (0.5, 3.0)
    jpeg_share: Share = 0.2
    jpeg_quality: Annotated[Range, Within(1.0, 100.0)] = (75.0, 98.0)


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
    foreground: ForegroundRanges = ForegroundRanges()
    rain: RainRanges = RainRanges()
    drops: DropRanges = DropRanges()
    sensor: SensorRanges = SensorRanges()

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.kinds) - set(KINDS)):
            raise ValueError(f'kinds has {", ".join(unknown)}, want only {", ".join(KINDS)}')
        weights = list(self.kinds.values())
        if not (all(weight in Within(0.0) for weight in weights) and sum(weights) > 0.0):
            raise ValueError(f'kinds has the weights {weights}, want each 0 or more, and one above 0')


RAIN100H = RainRanges(
    density=(550.0, 1200.0), length_px=(20.0, 50.0), brightness=(0.5, 0.9), veil=(0.0, 0.1), layers=(2, 4)
)
"""Rain as dense as that of Rain100H, whose inputs are about 12 dB from the truth."""
