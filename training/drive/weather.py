"""What happens to a drive's frames: the segments, how hard it rains in them, and the camera that sees it.

The strengths are set so that the segments of the demo lie between 20 and 27 dB at 640x360; frames of another
size get the same picture, larger or smaller.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.degradation.blur.exposure import blur
from training.degradation.lens.ranges import BeadRanges, BlobRanges, DropFamilyRanges, LensRanges
from training.degradation.lens.wet_lens import RenderedLens, WetLens, add_lens, draw_drops, render_lens
from training.degradation.linear_light import to_linear
from training.degradation.rain.falling import Rain, add_rain, draw_family
from training.degradation.rain.ranges import PhotographicRanges, RainRanges, TaperedRanges
from training.degradation.ranges import KINDS
from training.degradation.sensor import Sensor, expose
from training.degradation.veil import draw_veil
from training.drive.scenes import REFERENCE_HEIGHT, Size, View

SEGMENTS = {name: KINDS[name] for name in ('clean', 'blur', 'streaks', 'drops', 'all')}
"""The parts of a drive, and what degrades each; the sensor's noise is on all of them."""

MARGIN_PX = 48  # surroundings of a view that a long exposure can draw in
CAMERA = Sensor(read_noise=1.5e-4, shot_noise=1.2e-4, seed=0, gains=(1.8, 1.5), grain_px=0.5)


def _rain(coverage: float, brightness: float) -> RainRanges:
    """Far rain in thin rippled streaks, and a third as much near rain in tapered ones."""
    far = PhotographicRanges(
        coverage=(coverage,) * 2,
        length_px=(12.0, 36.0),
        width_px=(1.0, 1.8),
        brightness=(brightness,) * 2,
        layers=(2, 2),
    )
    near = TaperedRanges(
        coverage=(coverage / 3.0,) * 2,
        length_px=(25.0, 80.0),
        width_px=(1.5, 3.5),
        brightness=(brightness,) * 2,
        layers=(2, 2),
        fan_deg=(0.0, 4.0),
    )
    return RainRanges(photographic=far, tapered=near)


def _lens(per_megapixel: float) -> LensRanges:
    """Drops out of focus that show the sky, small crisp ones among them, and a few that show the scene."""
    sky = (0.55, 0.55)
    return LensRanges(
        refracting=DropFamilyRanges(per_megapixel=(per_megapixel * 0.3,) * 2, radius_px=(5.0, 20.0)),
        blobs=BlobRanges(per_megapixel=(per_megapixel,) * 2, radius_px=(5.0, 16.0), softness=(0.8, 0.8)),
        beads=BeadRanges(per_megapixel=(per_megapixel * 2.0,) * 2, radius_px=(2.0, 4.0)),
        sky=sky,
    )


def _wet(ranges: LensRanges, height: int, width: int, rng: np.random.Generator, scale: float) -> WetLens:
    """Drops of every family on a lens with a thin haze."""
    families = tuple(
        draw_drops(family, height, width, rng, sky=ranges.sky[0], scale=scale)
        for family in (ranges.beads, ranges.refracting, ranges.blobs)
    )
    haze = draw_veil(rng, share=0.03, light=ranges.sky[0], nearest=0.3, by_position=False)
    return WetLens(haze, film=None, families=families)


# Strength of rain and drops at 640x360; where a segment has everything at once, each is weaker.
ALONE = _rain(0.25, 0.6), _lens(220.0)
TOGETHER = _rain(0.08, 0.45), _lens(70.0)


class Degrader:
    """What degrades one segment: layout of the drops, slant of the rain; both stay, only the streaks move.

    `effects` are of `blur`, `streaks`, `drops`; `size` is width and height of the frames.
    """

    def __init__(self, effects: frozenset[str], size: Size, rng: np.random.Generator) -> None:
        width, height = size
        scale = height / REFERENCE_HEIGHT
        rain, lens = TOGETHER if 'blur' in effects else ALONE
        self._rng, self._blurred = rng, 'blur' in effects
        self._rain: Rain | None = None
        if 'streaks' in effects:
            angle = rng.uniform(6.0, 14.0) * rng.choice((-1.0, 1.0))
            far, near = (draw_family(name, rain, angle, scale, rng) for name in ('photographic', 'tapered'))
            self._rain = Rain(
                streaks=far + near,
                in_display=False,
                screened=True,
                veil=draw_veil(rng, share=0.05, light=0.45, nearest=0.2, by_position=True),
                seed=0,
            )
        self._lens: RenderedLens | None = None
        if 'drops' in effects:
            self._lens = render_lens(_wet(lens, height, width, rng, scale), height, width)

    def degrade(self, view: View) -> NDArray[np.uint8]:
        """One frame as the camera sends it: uint8 [H, W, 3] RGB, 0..255."""
        light = _long_exposure(view) if self._blurred else to_linear(view.sharp)
        if self._rain is not None:
            light = add_rain(light, replace(self._rain, seed=int(self._rng.integers(2**31))))
        if self._lens is not None:
            light = add_lens(light, self._lens)
        return expose(light, replace(CAMERA, seed=int(self._rng.integers(2**31))))


def _long_exposure(view: View) -> NDArray[np.float32]:
    """The view's linear light, float32 [H, W, 3], over its trajectory (paper eq. 2-4)."""
    rows, columns = view.window
    top, left = max(0, rows.start - MARGIN_PX), max(0, columns.start - MARGIN_PX)
    around = view.scene[top : rows.stop + MARGIN_PX, left : columns.stop + MARGIN_PX]
    exposed = blur(to_linear(around), view.trajectory)
    return exposed[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
