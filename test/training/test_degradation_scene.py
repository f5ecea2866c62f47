"""Shaken cameras, things that move by themselves, exposures between video frames."""

from dataclasses import replace

import numpy as np
import pytest
from scenery import STILL, photograph

from restore_node.common.metrics import psnr
from training.degradation.blur.exposure import integrate
from training.degradation.blur.ranges import BlurRanges, MovingObjectRanges
from training.degradation.blur.scene import Blur
from training.degradation.degrade import degrade, draw, truth
from training.degradation.linear_light import to_display
from training.degradation.ranges import (
    DegradationConfig,
    SensorRanges,
)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def exposure_of(at, first, last, count=65):
    """The integral of a scene over a time, by the midpoint rule."""
    return to_display(integrate(at(first + (last - first) * (k + 0.5) / count) for k in range(count)))


def test_options_that_are_off_change_no_draw():
    off = {'depth_share': 0.0, 'highlight_share': 0.0, 'shake_share': 0.0}
    plain = draw(DegradationConfig(blur=BlurRanges(**off)), 'all', 96, 96, np.random.default_rng(4))
    other = BlurRanges(**off, anxiety=(0.0, 0.0), depths=(4, 4), highlights=(2.0, 2.0))
    again = draw(DegradationConfig(blur=other), 'all', 96, 96, np.random.default_rng(4))
    assert plain.rain == again.rain
    assert np.array_equal(plain.blur.trajectory.shift_px, again.blur.trajectory.shift_px)
    on = DegradationConfig(blur=replace(other, shake_share=1.0))
    shaken = draw(on, 'all', 96, 96, np.random.default_rng(4))
    assert not np.array_equal(plain.blur.trajectory.shift_px[0], shaken.blur.trajectory.shift_px[0])


def test_a_frame_is_degraded_from_its_truth(rng):
    config = DegradationConfig(
        blur=BlurRanges(objects=MovingObjectRanges(share=1.0, extent_px=(8.0, 12.0)), highlight_share=0.0),
        sensor=SensorRanges(jpeg_share=0.0),
    )
    sharp = photograph()
    drawn = draw(config, 'blur', 160, 160, rng)
    seen = truth(sharp, drawn)
    assert psnr(seen, sharp) < 35.0
    assert psnr(degrade(sharp, drawn), seen) > psnr(degrade(sharp, drawn), sharp)
    still = tuple(replace(thing, trajectory=STILL) for thing in drawn.blur.objects)
    resting = replace(drawn, blur=Blur(STILL, objects=still))
    assert psnr(degrade(sharp, resting), seen) > 38.0
    assert truth(sharp, replace(drawn, blur=None)) is sharp


@pytest.mark.parametrize(
    ('make', 'named'),
    [
        (lambda: SensorRanges(jpeg_share=2.0), 'jpeg_share'),
    ],
)
def test_impossible_ranges_of_the_scene_are_refused(make, named):
    with pytest.raises(ValueError, match=named):
        make()
