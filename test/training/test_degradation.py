import dataclasses

import numpy as np
import pytest

from training.degradation.blur.exposure import blur, integrate
from training.degradation.blur.trajectory import draw_trajectory, homographies
from training.degradation.degrade import degrade, draw, draw_kind
from training.degradation.lens_drops import Drop, add_drops, draw_drops, render_drops
from training.degradation.linear_light import to_display, to_linear
from training.degradation.ranges import KINDS, BlurRanges, DegradationConfig, DropRanges
from training.degradation.sensor import Sensor, expose


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def picture(height=96, width=128):
    rows, columns = np.indices((height, width))
    return np.stack((rows * 2, columns, (rows * columns) % 256), axis=-1).clip(0, 255).astype(np.uint8)


def test_every_grey_level_survives_linear_light():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_display(to_linear(levels)), levels)


def test_light_beyond_white_and_below_black_is_clipped():
    assert to_display(np.array([-0.5, 0.0, 1.0, 7.0], np.float32)).tolist() == [0, 0, 255, 255]


def test_exposure_averages_light_not_pixel_values():
    black, white = np.zeros((4, 4, 3), np.float32), np.ones((4, 4, 3), np.float32)
    # 255 * 0.5 ** (1 / 2.2); the mean of the pixel values would be 128.
    assert np.unique(to_display(integrate([black, white]))).tolist() == [186]
    assert black.max() == 0.0


def test_an_exposure_without_sub_frames_is_refused():
    with pytest.raises(ValueError, match='sub-frame'):
        integrate([])


def test_truth_is_the_middle_of_the_exposure_and_steps_stay_below_a_pixel(rng):
    corners = np.array([[0, 0, 1], [639, 0, 1], [0, 359, 1], [639, 359, 1]], float).T
    for _ in range(30):
        path = draw_trajectory(rng, extent_px=25.0, curvature=0.8, roll_rad=0.02, zoom=0.02, reach_px=367.0)
        poses = homographies(path, 360, 640)
        assert np.allclose(poses[len(path) // 2], np.eye(3))
        moved = (poses @ corners)[:, :2]
        assert np.linalg.norm(np.diff(moved, axis=0), axis=1).max() <= 1.0


def test_a_point_becomes_a_line_as_long_as_the_path(rng):
    light = np.zeros((65, 65, 3), np.float32)
    light[32, 32] = 1.0
    path = draw_trajectory(rng, extent_px=20.0)
    smeared = blur(light, path)
    assert smeared.sum() == pytest.approx(3.0, rel=0.01)
    rows, columns = np.nonzero(smeared[..., 0] > 1e-4)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(20.0, abs=3.0)


def test_a_drop_shows_the_scene_upside_down_and_nothing_changes_beside_it():
    column = np.linspace(0.0, 1.0, 81, dtype=np.float32)
    light = np.broadcast_to(column[:, None, None], (81, 81, 3))
    shape = {'stretch': 1.0, 'ripples': (0.0, 0.0), 'phases': (0.0, 0.0), 'softness': 0.2}
    drop = Drop(x=40, y=40, radius_px=10, shrink=3, opacity=1, shade=0, **shape)
    wet = add_drops(light, render_drops([drop], 81, 81, defocus_px=0.5))
    assert wet[34, 40, 0] > light[34, 40, 0] + 0.1
    assert wet[46, 40, 0] < light[46, 40, 0] - 0.1
    assert np.array_equal(wet[:, :25], light[:, :25])
    assert np.array_equal(wet[60:], light[60:])


def test_a_drop_before_a_dark_road_shows_the_sky_below_its_horizon(rng):
    road = np.full((81, 81, 3), 0.05, np.float32)
    shape = {'stretch': 1.0, 'ripples': (0.0, 0.0), 'phases': (0.0, 0.0), 'softness': 0.2}
    drop = Drop(x=40, y=40, radius_px=10, shrink=3, opacity=1, shade=0, sky=0.7, horizon=0.0, **shape)
    wet = add_drops(road, render_drops([drop], 81, 81))
    assert wet[34, 40, 0] == pytest.approx(0.05, abs=1e-4)
    assert wet[40, 40, 0] == pytest.approx(0.375, abs=0.01)
    assert wet[46, 40, 0] == pytest.approx(0.7, abs=1e-4)
    behind = dataclasses.replace(drop, y=44)
    covered = add_drops(road, render_drops([behind, dataclasses.replace(drop, sky=None)], 81, 81))
    assert covered[46, 40, 0] == pytest.approx(0.05, abs=1e-4)

    under_a_sky = draw(DegradationConfig(drops=DropRanges(sky_share=1.0)), 'drops', 96, 96, rng).drops
    assert {drawn.sky for drawn in under_a_sky} == {under_a_sky[0].sky}
    assert 0.15 <= under_a_sky[0].sky <= 0.9


def test_drops_may_hang_over_the_border(rng):
    drops = draw_drops(rng, 40, 50, count=60, radius_px=(4.0, 24.0))
    corners = ((-90, 0), (0, 40), (50, 90))
    edge = [dataclasses.replace(drop, x=x, y=y) for drop, (x, y) in zip(drops, corners, strict=False)]
    wet = add_drops(to_linear(picture(40, 50)), render_drops([*drops, *edge], 40, 50))
    assert wet.shape == (40, 50, 3)
    assert wet.dtype == np.float32
    assert np.isfinite(wet).all()


def test_noise_grows_with_light():
    sensor = Sensor(read_noise=1.0, shot_noise=3.0, jpeg_quality=None, seed=1)
    dark, bright = (expose(np.full((128, 128, 3), level, np.uint8), sensor) for level in (20, 220))
    assert dark.std() == pytest.approx(np.sqrt(1 + 9 * 20 / 255 + 1 / 12), rel=0.05)
    assert bright.std() == pytest.approx(np.sqrt(1 + 9 * 220 / 255 + 1 / 12), rel=0.05)


def test_jpeg_keeps_the_colour_order():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    seen = expose(red, Sensor(read_noise=0.0, shot_noise=0.0, jpeg_quality=90, seed=1))
    assert abs(int(seen[..., 0].mean()) - 200) < 4
    assert seen[..., 2].mean() < 4


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('size', [(64, 64), (97, 131)])
def test_every_kind_degrades_any_size_the_same_way_twice(kind, size):
    sharp = picture(*size)
    drawn = draw(DegradationConfig(), kind, *size, np.random.default_rng(3))
    degraded = degrade(sharp, drawn)
    assert degraded.shape == sharp.shape
    assert degraded.dtype == np.uint8
    assert np.array_equal(degraded, degrade(sharp, drawn))
    assert np.array_equal(sharp, picture(*size))
    assert [drawn.blur is not None, drawn.rain is not None, bool(drawn.drops)] == [
        effect in KINDS[kind] for effect in ('blur', 'streaks', 'drops')
    ]


def test_kinds_are_drawn_by_their_weights(rng):
    config = DegradationConfig(kinds={'clean': 1.0, 'all': 3.0, 'blur': 0.0})
    drawn = [draw_kind(config, rng) for _ in range(2000)]
    assert drawn.count('all') / 2000 == pytest.approx(0.75, abs=0.04)
    assert 'blur' not in drawn


@pytest.mark.parametrize(
    ('make', 'named'),
    [
        (lambda: BlurRanges(extent_px=(9.0, 3.0)), 'extent_px'),
        (lambda: DropRanges(radius_px=(0.0, 3.0)), 'radius_px'),
        (lambda: DegradationConfig(kinds={'fog': 1.0}), 'fog'),
        (lambda: DegradationConfig(kinds={'blur': 0.0}), 'above 0'),
    ],
)
def test_impossible_ranges_are_refused(make, named):
    with pytest.raises(ValueError, match=named):
        make()
