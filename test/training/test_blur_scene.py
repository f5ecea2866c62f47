"""Blur of photographs: a moving camera, distances, things that move by themselves, a rolling shutter."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scenery import STILL, moved, photograph, straight

from restore_node.common.metrics import psnr
from training.degradation.blur.exposure import blur, integrate
from training.degradation.blur.moving_object import MovingObject, cover, draw_object, with_objects
from training.degradation.blur.ranges import BlurRanges, MovingObjectRanges
from training.degradation.blur.scene import Blur, draw_blur, draw_nearness, expose, truth
from training.degradation.blur.trajectory import Trajectory, draw_shake, homographies
from training.degradation.linear_light import raised, to_display, to_linear, white_of


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def width_px(image, row):
    """Over how many columns an edge from black to white goes, along a row, in light."""
    light = to_linear(image)[row, :, 0] if image.dtype == np.uint8 else image[row, :, 0]
    return int(((light > 0.02) & (light < 0.98)).sum())


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


def test_a_plain_scene_is_the_moving_picture():
    sharp = photograph()
    path = straight(14.0, 5.0)
    exposed = to_display(expose(sharp, Blur(path)))
    assert psnr(to_display(blur(to_linear(sharp), path)), exposed) > 48.0
    assert truth(sharp, Blur(path)) is sharp


def test_distances_and_a_slow_shutter_of_no_effect_change_nothing():
    sharp = photograph()
    path = Trajectory(
        straight(9.0, -6.0).shift_px, 0.02 * np.linspace(-0.5, 0.5, 65), np.linspace(0.99, 1.01, 65)
    )
    plain = expose(sharp, Blur(path))
    even = expose(sharp, Blur(path, nearness=np.ones((4, 4), np.float32)))
    assert psnr(to_display(even), to_display(plain)) > 50.0


def test_far_parts_are_blurred_less():
    edge = np.zeros((96, 96, 3), np.uint8)
    edge[:, 48:] = 255
    nearness = np.repeat(np.linspace(0.25, 1.0, 96, dtype=np.float32)[:, None], 96, axis=1)
    exposed = expose(edge, Blur(straight(24.0, 0.0), nearness=nearness))
    assert width_px(exposed, 2) == pytest.approx(24.0 * 0.26, abs=3)
    assert width_px(exposed, 93) == pytest.approx(24.0 * 0.98, abs=3)


@pytest.mark.parametrize('depths', [1, 2, 3, 4])
def test_distances_are_soft_steps_in_their_range(depths):
    for seed in range(5):
        near = draw_nearness(np.random.default_rng(seed), farthest=0.3, depths=depths)
        assert near.dtype == np.float32
        assert near.min() == pytest.approx(0.3, abs=0.01)
        assert near.max() == pytest.approx(1.0, abs=0.01)
        if depths > 1:
            level = (near - 0.3) / 0.7 * (depths - 1)
            assert (np.abs(level - np.rint(level)) < 0.02).mean() > 0.3


def test_a_rolling_shutter_sees_another_part_of_the_path_in_every_row():
    """The camera rests, then moves fast: rows that are exposed early stay sharp, late ones do not."""
    time = np.linspace(-0.5, 0.5, 201)
    path = Trajectory(
        np.stack((40.0 * np.maximum(time, 0.0), np.zeros(201)), axis=1), np.zeros(201), np.ones(201)
    )
    edge = np.zeros((120, 120, 3), np.uint8)
    edge[:, 60:] = 255
    # Exposure and readout are half of the time each: the first row sees the first half, the last the second.
    exposed = expose(edge, Blur(path, readout=1.0))
    assert width_px(exposed, 1) <= 3
    assert width_px(exposed, 60) == pytest.approx(10.0, abs=3)
    assert width_px(exposed, 118) == pytest.approx(20.0, abs=3)
    # Every row is centred on the middle of its own exposure, so the sharp photograph stays the truth.
    steady = expose(edge, Blur(straight(20.0, 0.0), readout=1.0))
    for row in (1, 60, 118):
        assert width_px(steady, row) == pytest.approx(10.0, abs=2)
        assert steady[row, :, 0].sum() == pytest.approx(60.0, abs=0.6)


def test_energy_is_conserved_in_light():
    lamp = np.zeros((80, 80, 3), np.uint8)
    lamp[36:44, 36:44] = 200
    near = np.full((4, 4), 0.5, np.float32)
    for scene in (
        Blur(straight(20.0, 8.0)),
        Blur(straight(20.0, 8.0), 0.5),
        Blur(straight(20.0, 8.0), 0.0, near),
    ):
        assert expose(lamp, scene).sum() == pytest.approx(to_linear(lamp).sum(), rel=0.01)


def test_lamps_draw_bright_trails_and_much_white_is_raised_less():
    lamp = np.full((80, 80, 3), 30, np.uint8)
    lamp[38:42, 38:42] = 255
    path = straight(24.0, 0.0)
    plain, bright = (to_display(expose(lamp, Blur(path, highlights=gain))) for gain in (1.0, 6.0))
    trail = np.s_[39:41, 32:48]
    assert bright[trail].mean() > plain[trail].mean() + 60
    assert white_of(lamp, 6.0) == 6.0
    lamp[:20] = 255
    assert white_of(lamp, 6.0) == pytest.approx(6.0**0.5)


def test_light_is_raised_where_all_colours_are_clipped():
    colours = np.array([[[255, 255, 255], [255, 200, 150], [239, 239, 239], [248, 248, 248]]], np.uint8)
    light = raised(colours, 4.0)
    assert np.allclose(light[0, 0], 4.0)
    assert np.allclose(light[0, 1:3], to_linear(colours)[0, 1:3], atol=1e-5)
    assert 1.0 < light[0, 3, 0] < 4.0


def test_a_thing_moves_and_the_scene_behind_it_does_not(rng):
    sharp = photograph()
    light = to_linear(sharp)
    thing = draw_object(rng, 160, 160, radius_px=25.0, extent_px=1.0, softness_px=1.5)
    thing = replace(thing, x=80.0, y=80.0, trajectory=straight(12.0, 0.0))
    exposed = expose(sharp, Blur(STILL, objects=(thing,)))

    inside = cover(thing, 160, 160)
    near = cv2.dilate(inside, np.ones((3, 17), np.uint8)) > 0.0
    assert np.allclose(exposed[~near], light[~near], atol=1e-5)
    assert np.abs(with_objects(light, [thing]) - light)[inside > 0.99].mean() > 0.05
    # Deep inside there is only the thing, blurred as a whole picture that moves is.
    deep = cv2.erode(inside, np.ones((3, 17), np.uint8)) > 0.99
    x_px, y_px = thing.texture_px
    texture = integrate(moved(light, 12.0 * time - x_px, -y_px) for time in np.linspace(-0.5, 0.5, 43))
    assert deep.sum() > 300
    assert np.abs(exposed - texture)[deep].max() < 0.01


def test_a_black_thing_before_a_white_wall_blends_by_the_share_of_the_time_it_covers():
    wall = np.full((60, 100, 3), 255, np.uint8)
    wall[:, 70:] = 0
    # A disc of radius 15 around x = 30, cut out of the black part, passes by 20 pixels.
    thing = MovingObject(
        30.0, 30.0, 15.0, 1.0, (0.0,) * 4, (0.0,) * 4, 0.5, (55, 0), straight(20.0, 0.0, 401)
    )
    exposed = expose(wall, Blur(STILL, objects=(thing,)))
    # On the middle row x is covered while |x - 30 - s| < 15, s uniform in -10..10.
    covered = [np.clip(min(10, x - 15) - max(-10, x - 45), 0, 20) / 20 for x in range(100)]
    assert np.abs(exposed[30, :65, 0] - (1.0 - np.array(covered))[:65]).max() < 0.03


def test_the_truth_has_the_thing_where_it_is_in_mid_exposure(rng):
    ranges = BlurRanges(objects=MovingObjectRanges(share=1.0, extent_px=(8.0, 12.0)), highlight_share=0.0)
    sharp = photograph()
    drawn = draw_blur(ranges, 160, 160, rng)
    seen, exposed = truth(sharp, drawn), to_display(expose(sharp, drawn))
    assert 1 <= len(drawn.objects) <= 3
    assert psnr(seen, sharp) < 35.0
    assert psnr(exposed, seen) > psnr(exposed, sharp)
    still = Blur(STILL, objects=tuple(replace(thing, trajectory=STILL) for thing in drawn.objects))
    assert psnr(to_display(expose(sharp, still)), seen) > 50.0


def test_what_stands_nearer_moves_with_the_camera_but_farther(rng):
    ranges = BlurRanges(
        extent_px=(10.0, 10.0),
        roll_rad=(0.0, 0.0),
        zoom=(0.0, 0.0),
        objects=MovingObjectRanges(share=1.0, parallax_share=1.0, parallax=(2.0, 2.0)),
        shake_share=0.0,
        curvature=(0.0, 0.0),
        rolling_share=0.0,
    )
    drawn = draw_blur(ranges, 160, 160, rng)
    camera = drawn.trajectory.shift_px
    for thing in drawn.objects:
        path = thing.trajectory.shift_px
        assert np.allclose(path[-1] - path[0], 2.0 * (camera[-1] - camera[0]))
        assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() <= 1.0


@pytest.mark.parametrize('place', [(0.0, 0.0), (159.0, 80.0), (-300.0, 80.0)])
def test_things_may_hang_over_the_border_or_be_outside(rng, place):
    sharp = photograph()
    thing = draw_object(rng, 160, 160, radius_px=40.0, extent_px=10.0, softness_px=1.0)
    exposed = expose(sharp, Blur(STILL, objects=(replace(thing, x=place[0], y=place[1]),)))
    assert exposed.shape == sharp.shape
    assert np.isfinite(exposed).all()
    assert np.allclose(exposed, to_linear(sharp), atol=1e-5) == (place[0] < -200.0)


def test_a_blur_is_its_seeds_and_scales_with_the_frame():
    ranges = BlurRanges(rolling_share=0.0, shake_share=0.0, curvature=(0.0, 0.0))

    def length(seed, scale):
        path = draw_blur(ranges, 96, 96, np.random.default_rng(seed), scale=scale).trajectory.shift_px
        return float(np.linalg.norm(path[-1] - path[0]))

    for seed in range(5):
        assert length(seed, 2.0) == pytest.approx(2.0 * length(seed, 1.0))
    sharp = photograph()
    first, again = (draw_blur(BlurRanges(), 160, 160, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(expose(sharp, first), expose(sharp, again))


@pytest.mark.parametrize('seed', range(8))
def test_a_margin_is_cut_off_and_changes_nothing_within(seed):
    ranges = BlurRanges(objects=MovingObjectRanges(share=0.7, radius_part=(0.2, 0.4)))
    sharp = photograph(size=180)
    drawn = draw_blur(ranges, 180, 160, np.random.default_rng(seed))
    sharp = np.ascontiguousarray(sharp[:, :160])
    whole, inner = expose(sharp, drawn), expose(sharp, drawn, 24)
    assert inner.shape == (132, 112, 3)
    assert np.abs(inner - whole[24:-24, 24:-24]).max() < 0.02
    assert np.abs(inner - whole[24:-24, 24:-24]).mean() < 1e-4


def test_everything_at_once_stays_finite_and_close_to_its_truth(rng):
    ranges = BlurRanges(
        depth_share=1.0, rolling_share=1.0, highlight_share=1.0, objects=MovingObjectRanges(share=1.0)
    )
    for name in ('astronaut', 'coffee', 'rocket'):
        sharp = photograph(name)
        drawn = draw_blur(ranges, 160, 160, rng, scale=2.0)
        exposed = expose(sharp, drawn)
        assert np.isfinite(exposed).all()
        assert psnr(to_display(exposed), truth(sharp, drawn)) > 11.0
