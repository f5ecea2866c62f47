"""Exposures over consecutive frames: what is averaged, along which way, and which frames are refused."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scenery import moved
from skimage import data

from restore_node.common.metrics import psnr
from training.degradation.blur.exposure import blur, integrate
from training.degradation.blur.optical_flow import Interval, carry
from training.degradation.blur.real_motion import (
    BadMotionError,
    Clip,
    MotionDraw,
    MotionRanges,
    draw_motion,
    softness,
)
from training.degradation.blur.trajectory import Trajectory
from training.degradation.linear_light import ToneCurve, to_display, to_linear

MARGIN = 24


def grid(height=160, width=200):
    """A sharp scene with something to see everywhere."""
    photograph = data.stereo_motorcycle()[0]
    return np.ascontiguousarray(photograph[100 : 100 + height, 100 : 100 + width])


def moving_camera(x_px, y_px, frames=3):
    """Frames of a camera that moves steadily, and the light at any time, in a scene wider than they are."""
    light = to_linear(data.stereo_motorcycle()[0])

    def at(time):
        return moved(light, x_px * time, y_px * time)[100:260, 100:300]

    return [to_display(at(time)) for time in range(frames)], at


def exact(at, first, last, count=65):
    """The integral over a time, by the midpoint rule."""
    return integrate(at(first + (last - first) * (k + 0.5) / count) for k in range(count))


def inner(image, margin=MARGIN):
    return image[margin:-margin, margin:-margin]


@pytest.mark.parametrize(('exposure', 'frames'), [(2.0, 3), (0.7, 3), (3.5, 5)])
def test_the_exposure_is_that_of_the_moving_camera(exposure, frames):
    shown, at = moving_camera(5.0, 3.0, frames)
    drawn = MotionDraw(exposure)
    assert drawn.frames == frames
    blurred, sharp = Clip(shown, MARGIN).expose(drawn)
    middle = frames // 2
    wanted = to_display(exact(at, middle - exposure / 2.0, middle + exposure / 2.0))
    assert np.array_equal(sharp, inner(shown[middle]))
    assert psnr(inner(wanted), sharp) < 32.0
    assert psnr(blurred, inner(wanted)) > 44.0


def test_the_truth_is_the_middle_frame_and_a_still_camera_changes_nothing():
    frame = grid()
    blurred, sharp = Clip([frame] * 3).expose(MotionDraw(1.0))
    assert np.array_equal(sharp, frame)
    assert np.array_equal(blurred, frame)


def test_energy_is_conserved_in_light():
    shown, _ = moving_camera(6.0, 0.0)
    clip = Clip(shown, MARGIN)
    blurred, sharp = clip.expose(MotionDraw(2.0))
    assert to_linear(blurred).mean() == pytest.approx(to_linear(sharp).mean(), rel=0.02)
    averaged, _ = clip.expose(MotionDraw(2.0, curve=ToneCurve(1.0)))
    assert averaged.mean() == pytest.approx(sharp.mean(), rel=0.02)
    # Light that is averaged is brighter than pixel values that are, wherever they differ.
    assert blurred.mean() > averaged.mean() + 0.5


def test_a_square_that_moves_straight_is_blurred_by_a_box():
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (96, 200, 3)).astype(np.float32), (0, 0), 1.0)
    wall = (0.3 * cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)).astype(np.uint8)
    frames = []
    for left in (70, 78, 86):
        frame = wall.copy()
        frame[30:66, left : left + 40] = 255
        frames.append(frame)
    blurred, _ = Clip(frames).expose(MotionDraw(1.0))
    # The square covers column x while its left edge, uniform in 74..82, is in x - 40 .. x.
    columns = np.arange(64, 132) + 0.5
    covered = np.clip(np.minimum(82, columns) - np.maximum(74, columns - 40), 0, 8) / 8
    behind = to_linear(wall)[40:56, 64:132]
    wanted = covered[None, :, None] * 1.0 + (1.0 - covered[None, :, None]) * behind
    assert np.abs(to_linear(blurred)[40:56, 64:132] - wanted).mean(axis=(0, 2)).max() < 0.12


def test_what_a_moving_thing_hides_comes_from_the_frame_that_shows_it():
    scene = grid(200, 240)
    thing = np.ascontiguousarray(data.astronaut()[:70, 150:220])

    def at(time):
        frame = to_linear(scene)
        mask = np.zeros((200, 240, 1), np.float32)
        mask[60:130, 80:150] = 1.0
        layer = np.zeros_like(frame)
        layer[60:130, 80:150] = to_linear(thing)
        mask, layer = moved(mask, 14.0 * time, 0.0)[..., None], moved(layer, 14.0 * time, 0.0)
        return frame * (1.0 - mask) + layer

    frames = [to_display(at(time)) for time in range(3)]
    wanted = to_display(exact(at, 0.0, 2.0))
    blurred, _ = Clip(frames).expose(MotionDraw(2.0))
    faded = to_display(integrate(to_linear(frame) for frame in frames))
    assert psnr(blurred, wanted) > 40.0 > psnr(faded, wanted) + 5.0


@pytest.mark.parametrize('last', ['still', 'moving'])
def test_carried_flow_is_that_of_the_pixel_that_comes_last_and_has_no_holes(last):
    flow = np.zeros((6, 8, 2), np.float32)
    flow[:, :2] = (6.0, 0.0)
    moving = np.flatnonzero(flow[..., 0])
    still = np.flatnonzero(flow[..., 0] == 0.0)
    order = np.concatenate((moving, still) if last == 'still' else (still, moving))
    carried = carry(flow, order, 0.5)[..., 0]
    # Columns 0 and 1 have moved to 3 and 4; what they uncover is like its nearest neighbour, column 2.
    wanted = [0, 0, 0, 6, 6, 0, 0, 0] if last == 'moving' else [0] * 8
    assert carried.tolist() == [wanted] * 6


def test_a_shaken_camera_is_blurred_as_a_photograph_is():
    frame = grid()
    time = np.linspace(-0.5, 0.5, 13)
    path = Trajectory(np.outer(time, (12.0, 4.0)), 0.02 * time, np.ones(13))
    blurred, _ = Clip([frame] * 3, MARGIN).expose(MotionDraw(1.0, shake=path))
    around = frame[MARGIN:-MARGIN, MARGIN:-MARGIN]
    wanted = to_display(blur(to_linear(frame), path))
    assert psnr(inner(wanted), around) < 30.0
    # The same centre of rotation: the middle of the picture.
    assert psnr(blurred, inner(wanted)) > 42.0


def test_lamps_draw_trails_brighter_than_their_clipped_average():
    scene = (0.4 * grid(96, 160)).astype(np.uint8)

    def frame(left):
        shown = np.roll(scene, left, axis=1)
        cv2.circle(shown, (70 + left, 48), 4, (255, 255, 255), -1)
        return shown

    frames = [frame(left) for left in (-8, 0, 8)]
    clip = Clip(frames, 16)
    plain, raised = (clip.expose(MotionDraw(2.0, highlights=gain))[0] for gain in (1.0, 6.0))
    trail = np.s_[28:37, 46:63]
    assert raised[trail].mean() > plain[trail].mean() + 25
    assert np.abs(raised[:8].astype(int) - plain[:8]).max() <= 1


def test_a_white_sky_is_raised_less_than_a_lamp():
    scene = grid(160, 160)
    scene[:70] = 255
    wide = [np.roll(scene, shift, axis=0) for shift in (-4, 0, 4)]
    drawn = MotionDraw(1.0, highlights=4.0)
    less = replace(drawn, highlights=2.0)
    blurred = Clip(wide, 16).expose(drawn)[0]
    # The square root of 4, as a wide place gets, is what 2 would be if it were a lamp.
    assert psnr(blurred, Clip(wide, 16).expose(less)[0]) < 60.0
    assert np.isfinite(psnr(blurred, wide[1][16:-16, 16:-16]))


@pytest.mark.parametrize('kind', ['cut', 'noise', 'far'])
def test_frames_whose_flow_is_bad_are_refused(kind):
    rng = np.random.default_rng(3)
    frame = grid()
    others = {
        'cut': np.ascontiguousarray(data.astronaut()[100:260, 100:300]),
        'noise': rng.integers(0, 256, frame.shape, dtype=np.uint8),
        'far': np.roll(frame, 100, axis=1),
    }
    with pytest.raises(BadMotionError):
        Clip([frame, frame, others[kind]]).expose(MotionDraw(1.0))


def test_a_soft_middle_frame_is_no_truth():
    shown, at = moving_camera(6.0, 0.0)
    soft = to_display(exact(at, 0.0, 2.0))
    assert softness(cv2.cvtColor(shown[1], cv2.COLOR_RGB2GRAY)) < 0.3
    with pytest.raises(BadMotionError, match='soft'):
        Clip([shown[0], soft, shown[2]])


def test_long_motion_is_shortened_to_what_is_wanted():
    shown, at = moving_camera(14.0, 0.0)
    blurred, _ = Clip(shown, MARGIN).expose(MotionDraw(2.0, most_px=14.0))
    wanted = to_display(exact(at, 0.5, 1.5))
    assert psnr(blurred, inner(wanted)) > 36.0


def test_draws_are_the_seeds_and_stay_within_their_ranges():
    ranges = MotionRanges(exposure=(0.2, 3.0), shake_px=(2.0, 9.0), highlights=(2.0, 4.0))
    draws = [draw_motion(ranges, np.random.default_rng(seed)) for seed in range(200)]
    again = draw_motion(ranges, np.random.default_rng(7))
    assert (again.exposure, again.curve, again.highlights) == (
        draws[7].exposure,
        draws[7].curve,
        draws[7].highlights,
    )
    assert all(0.2 <= drawn.exposure <= 3.0 for drawn in draws)
    assert {drawn.frames for drawn in draws} == {3, 5}
    assert all(drawn.margin_px % 2 == 0 for drawn in draws)
    assert all(26 <= drawn.margin_px <= 26 + 12 for drawn in draws)
    shaken = [drawn for drawn in draws if drawn.shake is not None]
    assert 0.25 < len(shaken) / len(draws) < 0.55
    raised = [drawn.highlights for drawn in draws if drawn.highlights > 1.0]
    assert 0.35 < len(raised) / len(draws) < 0.65
    assert max(raised) <= 4.0
    curves = [drawn.curve for drawn in draws]
    assert 0.15 < sum(curve == ToneCurve(1.0) for curve in curves) / 200 < 0.35
    assert 0.25 < sum(curve == ToneCurve() for curve in curves) / 200 < 0.55


def test_the_same_clip_and_draw_give_the_same_exposure():
    shown, _ = moving_camera(5.0, 2.0, 5)
    drawn = draw_motion(MotionRanges(shake_share=1.0), np.random.default_rng(1))
    clip = Clip(shown, MARGIN)
    first = clip.expose(drawn)[0]
    clip.expose(MotionDraw(3.0))
    assert np.array_equal(clip.expose(drawn)[0], first)
    assert np.array_equal(Clip(shown, MARGIN).expose(drawn)[0], first)


@pytest.mark.parametrize(
    'curve', [ToneCurve(), ToneCurve(1.0), ToneCurve(2.6, 0.6), ToneCurve(1.8, 0.6)], ids=str
)
def test_every_grey_level_survives_a_curve(curve):
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    assert np.array_equal(curve.to_display(curve.to_light(levels)), levels)


def test_the_usual_curve_is_that_of_linear_light():
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    assert np.allclose(ToneCurve().to_light(levels), to_linear(levels), atol=1e-5)


@pytest.mark.parametrize(
    ('frames', 'margin', 'named'),
    [
        ([grid()], 0, 'odd number'),
        ([grid()] * 4, 0, 'odd number'),
        ([grid(), grid(), grid(150)], 0, 'one shape'),
        ([grid(161)] * 3, 0, 'even'),
        ([grid(60)] * 3, 16, 'within the margin'),
    ],
)
def test_frames_that_make_no_clip_are_refused(frames, margin, named):
    with pytest.raises(ValueError, match=named):
        Clip(frames, margin)


def test_an_exposure_of_more_frames_than_there_are_is_refused():
    with pytest.raises(ValueError, match='takes 5'):
        Clip([grid()] * 3).expose(MotionDraw(3.0))


def test_an_interval_says_how_well_its_flow_fits():
    shown, _ = moving_camera(5.0, 3.0)
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in shown]
    found = Interval(greys[0], greys[1])
    assert found.fastest_px == pytest.approx(np.hypot(5.0, 3.0), abs=0.5)
    assert found.lost < 0.1
    assert found.error < 3.0
