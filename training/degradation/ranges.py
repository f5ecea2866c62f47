"""How training frames are degraded: the ranges that degradations are drawn from."""

from dataclasses import dataclass, field
from typing import ClassVar

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
    """Refuses ranges that cannot be drawn from, and shares that are none."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, tuple) and not value[0] <= value[1]:
                raise ValueError(f'{name} is {list(value)}, want [lowest, highest]')
            if name in self._positive and not value[0] > 0.0:
                raise ValueError(f'{name} is {list(value)}, want both above 0')
            if name.endswith('share') and not isinstance(value, tuple) and not 0.0 <= value <= 1.0:
                raise ValueError(f'{name} is {value}, want 0 to 1')

    _positive: ClassVar[frozenset[str]] = frozenset()


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

    _positive = frozenset({'extent_px', 'shutter'})

    extent_px: Range = (2.0, 26.0)
    curvature: Range = (0.0, 0.8)
    roll_rad: Range = (0.0, 0.02)
    zoom: Range = (0.0, 0.02)
    shake_share: float = 0.0
    anxiety: Range = (0.05, 1.0)
    shutter: Range = (0.4, 1.0)


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

    _positive = frozenset({'count', 'radius_part', 'extent_px', 'softness_px'})

    share: float = 0.0
    count: tuple[int, int] = (1, 3)
    radius_part: Range = (0.08, 0.3)
    extent_px: Range = (2.0, 26.0)
    softness_px: Range = (0.7, 2.5)


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

    _positive = frozenset({'density', 'length_px', 'layers'})

    density: Range = (30.0, 500.0)
    angle_deg: Range = (-40.0, 40.0)
    length_px: Range = (8.0, 55.0)
    brightness: Range = (0.08, 0.5)
    veil: Range = (0.0, 0.15)
    layers: tuple[int, int] = (1, 4)


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

    _positive = frozenset({'radius_px'})

    per_megapixel: Range = (40.0, 350.0)
    radius_px: Range = (4.0, 28.0)
    opacity: Range = (0.7, 1.0)
    defocus_px: Range = (0.8, 3.0)
    sky_share: float = 0.0
    sky: Range = (0.15, 0.9)


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
    foreground: ForegroundRanges = ForegroundRanges()
    rain: RainRanges = RainRanges()
    drops: DropRanges = DropRanges()
    sensor: SensorRanges = SensorRanges()

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.kinds) - set(KINDS)):
            raise ValueError(f'kinds has {", ".join(unknown)}, want only {", ".join(KINDS)}')
        if min(self.kinds.values(), default=0.0) < 0.0 or not sum(self.kinds.values()) > 0.0:
            raise ValueError('kinds needs weights of 0 or more, and one above 0')


RAIN100H = RainRanges(
    density=(550.0, 1200.0), length_px=(20.0, 50.0), brightness=(0.5, 0.9), veil=(0.0, 0.1), layers=(2, 4)
)
"""Rain as dense as that of Rain100H, whose inputs are about 12 dB from the truth."""
