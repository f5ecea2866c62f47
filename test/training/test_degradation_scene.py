"""Shaken cameras, things that move by themselves, exposures between video frames."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

data = pytest.importorskip('skimage.data', reason='scikit-image, whose photographs are used, is not there')

from restore_node.common.metrics import psnr
from training.degradation.camera_shake import draw_shake
from training.degradation.degrade import degrade, draw, truth
from training.degradation.foreground import Foreground, blur_scene, cover, draw_foreground, with_foregrounds
from training.degradation.linear_light import to_display, to_linear
from training.degradation.motion_blur import Trajectory, homographies, integrate, warp
from training.degradation.ranges import (
    BlurRanges,
    DegradationConfig,
    ForegroundRanges,
    SensorRanges,
)
from training.degradation.video_blur import blur_between, splat

STILL = Trajectory(np.zeros((3, 2)), np.zeros(3), np.ones(3))


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def photograph(name='astronaut', size=160):
    image = getattr(data, name)()
    return np.ascontiguousarray(image[:size, 100 : 100 + size])


def straight(x_px, y_px, count=65):
    time = np.linspace(-0.5, 0.5, count)
    return Trajectory(np.outer(time, (x_px, y_px)), np.zeros(count), np.ones(count))


def moved(light, x_px, y_px):
    return warp(light, np.array([[1.0, 0.0, x_px], [0.0, 1.0, y_px]]))


def exposure_of(at, first, last, count=65):
    """The integral of a scene over a time, by the midpoint rule."""
    return to_display(integrate(at(first + (last - first) * (k + 0.5) / count) for k in range(count)))


@pytest.mark.parametrize('anxiety', [0.0, 0.4, 1.0])
def test_a_shaken_camera_rests_in_mid_exposure_and_never_jumps(rng, anxiety):
    corners = np.array([[0, 0, 1], [159, 0, 1], [0, 99, 1], [159, 99, 1]], float).T
    for _ in range(10):
        path = draw_shake(rng, extent_px=18.0, anxiety=anxiety, roll_rad=0.02, zoom=0.01, reach_px=95.0)
        poses = homographies(path, 100, 160)
        assert np.allclose(poses[len(path) // 2], np.eye(3))
        steps = np.linalg.norm(np.diff((poses @ corners)[:, :2], axis=0), axis=1)
        assert steps.max() <= 1.0
        assert np.ptp(path.roll_rad) == pytest.approx(0.02, rel=0.05)
        # Cutting the corners of a scribble takes a little of its length.
        along = np.linalg.norm(np.diff(path.shift_px, axis=0), axis=1).sum()
        assert 0.85 * 18.0 <= along <= 18.0 * (1 + 1e-9)


def test_anxiety_crumples_the_path(rng):
    def reach(anxiety):
        paths = [draw_shake(rng, extent_px=20.0, anxiety=anxiety) for _ in range(40)]
        return np.mean([np.linalg.norm(path.shift_px[-1] - path.shift_px[0]) for path in paths])

    assert reach(0.0) == pytest.approx(20.0)
    assert reach(0.0) > 1.2 * reach(0.4) > 1.5 * reach(1.0)


def test_options_that_are_off_change_no_draw():
    off, on = DegradationConfig(), DegradationConfig(blur=BlurRanges(shake_share=1.0))
    plain = draw(off, 'all', 96, 96, np.random.default_rng(4))
    other = replace(
        off, foreground=ForegroundRanges(share=0.0, count=(2, 9)), blur=BlurRanges(anxiety=(0, 0))
    )
    again = draw(other, 'all', 96, 96, np.random.default_rng(4))
    assert plain.foregrounds == ()
    assert plain.rain == again.rain
    assert np.array_equal(plain.trajectory.shift_px, again.trajectory.shift_px)
    shaken = draw(on, 'all', 96, 96, np.random.default_rng(4))
    assert not np.array_equal(plain.trajectory.shift_px[0], shaken.trajectory.shift_px[0])


def test_a_thing_moves_and_the_scene_behind_it_does_not(rng):
    light = to_linear(photograph())
    thing = draw_foreground(rng, 160, 160, radius_px=25.0, extent_px=1.0, softness_px=1.5)
    thing = replace(thing, x=80.0, y=80.0, trajectory=straight(12.0, 0.0))
    exposed = blur_scene(light, STILL, [thing])
    sharp = with_foregrounds(light, [thing])

    inside = cover(thing, 160, 160)
    near = cv2.dilate(inside, np.ones((3, 17), np.uint8)) > 0.0
    assert np.allclose(exposed[~near], light[~near], atol=1e-6)
    assert np.abs(sharp - light)[inside > 0.99].mean() > 0.05
    # Deep inside there is only the thing, blurred as a whole picture that moves is.
    deep = cv2.erode(inside, np.ones((3, 17), np.uint8)) > 0.99
    x_px, y_px = thing.texture_px
    texture = integrate(moved(light, 12.0 * time - x_px, -y_px) for time in np.linspace(-0.5, 0.5, 65))
    assert deep.sum() > 300
    assert np.abs(exposed - texture)[deep].max() < 0.01
    # At the edge the thing covers the scene for a part of the time: light is shared, not pixel values.
    shares = integrate(
        np.repeat(moved(inside, 12.0 * time, 0.0)[..., None], 3, axis=2)
        for time in np.linspace(-0.5, 0.5, 65)
    )
    edge = (shares > 0.2) & (shares < 0.8)
    low, high = np.minimum(light, texture) - 0.2, np.maximum(light, texture) + 0.2
    assert ((exposed > low) & (exposed < high))[edge].mean() > 0.9


def test_a_black_thing_before_a_white_wall_blends_by_the_share_of_the_time_it_covers():
    light = np.ones((60, 100, 3), np.float32)
    light[:, 70:] = 0.0
    # A disc of radius 15 around x = 30, cut out of the black part, passes by 20 pixels.
    thing = Foreground(30.0, 30.0, 15.0, 1.0, (0.0,) * 4, (0.0,) * 4, 0.5, (55, 0), straight(20.0, 0.0, 401))
    exposed = blur_scene(light, STILL, [thing])
    # On the middle row x is covered while |x - 30 - s| < 15, s uniform in -10..10.
    covered = [np.clip(min(10, x - 15) - max(-10, x - 45), 0, 20) / 20 for x in range(100)]
    assert np.abs(exposed[30, :65, 0] - (1.0 - np.array(covered))[:65]).max() < 0.03


def test_the_truth_has_the_thing_and_the_frame_is_degraded_from_it(rng):
    config = DegradationConfig(
        foreground=ForegroundRanges(share=1.0, extent_px=(8.0, 12.0)), sensor=SensorRanges(jpeg_share=0.0)
    )
    sharp = photograph()
    drawn = draw(config, 'blur', 160, 160, rng)
    seen = truth(sharp, drawn)
    assert 1 <= len(drawn.foregrounds) <= 3
    assert psnr(seen, sharp) < 35.0
    assert psnr(degrade(sharp, drawn), seen) > psnr(degrade(sharp, drawn), sharp)
    still = replace(
        drawn, trajectory=STILL, foregrounds=[replace(t, trajectory=STILL) for t in drawn.foregrounds]
    )
    assert psnr(degrade(sharp, still), seen) > 38.0
    assert truth(sharp, replace(drawn, foregrounds=())) is sharp


@pytest.mark.parametrize('place', [(0.0, 0.0), (159.0, 80.0), (-300.0, 80.0)])
def test_things_may_hang_over_the_border_or_be_outside(rng, place):
    light = to_linear(photograph())
    thing = draw_foreground(rng, 160, 160, radius_px=40.0, extent_px=10.0, softness_px=1.0)
    exposed = blur_scene(light, STILL, [replace(thing, x=place[0], y=place[1])])
    assert exposed.shape == light.shape
    assert np.isfinite(exposed).all()
    assert np.allclose(exposed, light, atol=1e-5) == (place[0] < -200.0)


@pytest.mark.parametrize(('frames', 'shutter'), [(3, 1.0), (3, 0.5), (2, 1.0)])
def test_the_exposure_between_frames_is_that_of_the_moving_camera(frames, shutter):
    light = to_linear(data.stereo_motorcycle()[0])

    def at(time):
        return moved(light, 5.0 * time, 3.0 * time)[100:260, 100:300]

    blurred, sharp = blur_between([to_display(at(time)) for time in range(frames)], shutter)
    middle, half = (frames - 1) / 2.0, (frames - 1) * shutter / 2.0
    exact, seen = exposure_of(at, middle - half, middle + half), to_display(at(middle))
    assert psnr(exact, seen) < 28.0
    assert psnr(blurred, exact) > 46.0
    assert psnr(sharp, seen) > (40.0 if frames == 2 else 59.0)


def test_what_a_moving_thing_hides_comes_from_the_frame_that_shows_it(rng):
    light = to_linear(photograph(size=200))
    thing = replace(
        draw_foreground(rng, 200, 200, radius_px=35.0, extent_px=1.0, softness_px=1.5), x=100.0, y=100.0
    )

    def at(time):
        path = Trajectory(np.full((3, 2), (10.0 * (time - 1.0), 4.0 * (time - 1.0))), np.zeros(3), np.ones(3))
        return blur_scene(light, STILL, [replace(thing, trajectory=path)])

    frames = [to_display(at(time)) for time in range(3)]
    exact = exposure_of(at, 0.0, 2.0)
    blurred, sharp = blur_between(frames)
    faded = to_display(integrate(to_linear(frame) for frame in frames))
    assert np.array_equal(sharp, frames[1])
    assert psnr(blurred, exact) > 42.0 > psnr(faded, exact) + 5.0


@pytest.mark.parametrize('last', ['still', 'moving'])
def test_carried_flow_is_that_of_the_pixel_that_comes_last_and_has_no_holes(last):
    flow = np.zeros((6, 8, 2), np.float32)
    flow[:, :2] = (6.0, 0.0)
    moving = np.flatnonzero(flow[..., 0])
    still = np.flatnonzero(flow[..., 0] == 0.0)
    order = np.concatenate((moving, still) if last == 'still' else (still, moving))
    carried = splat(flow, order, 0.5)[..., 0]
    # Columns 0 and 1 have moved to 3 and 4; what they uncover is like its nearest neighbour, column 2.
    wanted = [0, 0, 0, 6, 6, 0, 0, 0] if last == 'moving' else [0] * 8
    assert carried.tolist() == [wanted] * 6


@pytest.mark.parametrize(
    ('frames', 'shutter', 'named'),
    [
        (1, 1.0, 'two or more'),
        (2, 0.0, 'shutter'),
        (2, 1.5, 'shutter'),
    ],
)
def test_frames_that_make_no_exposure_are_refused(frames, shutter, named):
    with pytest.raises(ValueError, match=named):
        blur_between([photograph(size=64)] * frames, shutter)


def test_frames_of_two_sizes_and_tiny_ones_are_refused():
    with pytest.raises(ValueError, match='one shape'):
        blur_between([photograph(size=64), photograph(size=80)])
    with pytest.raises(ValueError, match='32'):
        blur_between([photograph(size=16)] * 2)


@pytest.mark.parametrize(
    ('make', 'named'),
    [
        (lambda: BlurRanges(shake_share=1.5), 'shake_share'),
        (lambda: BlurRanges(shutter=(0.0, 0.5)), 'shutter'),
        (lambda: ForegroundRanges(share=-0.1), 'share'),
        (lambda: ForegroundRanges(count=(0, 2)), 'count'),
        (lambda: SensorRanges(jpeg_share=2.0), 'jpeg_share'),
    ],
)
def test_impossible_ranges_of_the_scene_are_refused(make, named):
    with pytest.raises(ValueError, match=named):
        make()
