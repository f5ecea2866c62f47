"""What happens to a drive's frames: the segments, how hard it rains in them, and the camera that sees it.

The strengths are set so that the segments of the demo lie between 20 and 27 dB at 640x360; frames of another
size get the same picture, larger or smaller.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.degradation.lens_drops import add_drops, draw_drops, render_drops
from training.degradation.linear_light import to_display, to_linear
from training.degradation.motion_blur import blur
from training.degradation.rain import Rain, add_rain, draw_rain
from training.degradation.sensor import Sensor, expose
from training.drive.scenes import REFERENCE_HEIGHT, Size, View

SEGMENTS = {
    'clean': frozenset(),
    'blur': frozenset({'blur'}),
    'streaks': frozenset({'streaks'}),
    'drops': frozenset({'drops'}),
    'all': frozenset({'blur', 'streaks', 'drops'}),
}
"""The parts of a drive, and what degrades each; the sensor's noise is on all of them."""

MARGIN_PX = 48  # surroundings of a view that a long exposure can draw in
READ_NOISE, SHOT_NOISE = 1.2, 1.8


@dataclass(frozen=True)
class Weather:
    """Strength of rain and drops at 640x360; where a segment has everything at once, each is weaker."""

    streaks: float
    streak_light: float
    drops: int
    drop_px: tuple[float, float]


ALONE = Weather(streaks=200.0, streak_light=0.3, drops=38, drop_px=(5.0, 24.0))
TOGETHER = Weather(streaks=50.0, streak_light=0.16, drops=10, drop_px=(5.0, 14.0))


class Degrader:
    """What degrades one segment: layout of the drops, slant of the rain; both stay, only the streaks move.

    Args:
        effects: of `blur`, `streaks`, `drops`.
        size: width and height of the frames in pixels.
        rng: where drops and noise are.
    """

    def __init__(self, effects: frozenset[str], size: Size, rng: np.random.Generator) -> None:
        width, height = size
        scale = height / REFERENCE_HEIGHT
        weather = TOGETHER if 'blur' in effects else ALONE
        self._rng, self._blurred = rng, 'blur' in effects
        self._rain: Rain | None = None
        if 'streaks' in effects:
            self._rain = draw_rain(
                rng,
                density=weather.streaks / scale,
                angle_deg=rng.uniform(6.0, 14.0) * rng.choice((-1.0, 1.0)),
                length_px=30.0 * scale,
                brightness=weather.streak_light,
                veil=0.04,
            )
        self._drops = None
        if 'drops' in effects:
            low, high = weather.drop_px
            drops = draw_drops(rng, height, width, count=weather.drops, radius_px=(low * scale, high * scale))
            self._drops = render_drops(drops, height, width, defocus_px=2.5 * scale)

    def degrade(self, view: View) -> NDArray[np.uint8]:
        """One frame as the camera sends it: uint8 [H, W, 3] RGB, 0..255."""
        light = _long_exposure(view) if self._blurred else to_linear(view.sharp)
        if self._rain is not None:
            light = add_rain(light, replace(self._rain, seed=int(self._rng.integers(2**31))))
        if self._drops is not None:
            light = add_drops(light, self._drops)
        sensor = Sensor(READ_NOISE, SHOT_NOISE, jpeg_quality=None, seed=int(self._rng.integers(2**31)))
        return expose(to_display(light), sensor)


def _long_exposure(view: View) -> NDArray[np.float32]:
    """The view's linear light, float32 [H, W, 3], over its trajectory (paper eq. 2-4)."""
    rows, columns = view.window
    top, left = max(0, rows.start - MARGIN_PX), max(0, columns.start - MARGIN_PX)
    around = view.scene[top : rows.stop + MARGIN_PX, left : columns.stop + MARGIN_PX]
    exposed = blur(to_linear(around), view.trajectory)
    return exposed[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
