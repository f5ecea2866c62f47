"""How training frames are degraded: the ranges that degradations are drawn from."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from training.degradation.blur.ranges import BlurRanges, MotionRanges
from training.degradation.bounds import Positive, Ranges, Weights, Within
from training.degradation.lens.ranges import LensRanges
from training.degradation.rain.ranges import RainRanges, TaperedRanges
from training.degradation.sensor import SensorRanges

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
class DegradationConfig(Ranges):
    """How training frames are degraded.

    Attributes:
        kinds: relative weights of the kinds in `KINDS`.
        motion: of sources that give neighbouring frames, in place of `blur`.
        reference_height: rows of the frames that the pixels of rain are meant for; of a frame twice as high
            they are twice as many.
        frame_height: rows of the frames that patches are taken for a part of, drawn log-uniformly.
    """

    kinds: Annotated[dict[str, float], Weights(tuple(KINDS))] = field(
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
    blur: BlurRanges = field(default_factory=BlurRanges)
    motion: MotionRanges = field(default_factory=MotionRanges)
    rain: RainRanges = field(default_factory=RainRanges)
    lens: LensRanges = field(default_factory=LensRanges)
    sensor: SensorRanges = field(default_factory=SensorRanges)
    reference_height: Annotated[int, Within(1)] = 360
    frame_height: Positive = (360.0, 720.0)


RAIN100L = RainRanges(
    families={'tapered': 1.0},
    second_share=0.0,
    tapered=TaperedRanges(
        coverage=(0.03, 0.12),
        length_px=(15.0, 45.0),
        width_px=(1.0, 2.0),
        brightness=(0.4, 0.8),
        layers=(1, 1),
    ),
    display_share=1.0,
    veil_share=0.0,
)
"""One direction of streaks and no veil, as in Rain100L, whose inputs are about 26 dB from the truth."""

RAIN100H = replace(
    RAIN100L,
    tapered=TaperedRanges(
        coverage=(0.5, 1.0),
        length_px=(20.0, 60.0),
        width_px=(1.0, 3.0),
        brightness=(0.7, 1.0),
        layers=(2, 5),
        fan_deg=(0.0, 60.0),
    ),
)
"""Rain in several directions, as dense as that of Rain100H, whose inputs are about 12 dB from the truth."""
