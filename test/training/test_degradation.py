"""A whole degradation: drawn, applied, and what its truth is; exposures, light and kinds."""

from dataclasses import replace

import numpy as np
import pytest
from scenery import STILL, photograph

from restore_node.common.metrics import psnr
from training.degradation.blur.exposure import blur, integrate
from training.degradation.blur.ranges import BlurRanges, MovingObjectRanges
from training.degradation.blur.scene import Blur
from training.degradation.blur.trajectory import draw_trajectory, homographies
from training.degradation.degrade import degrade, draw, draw_kind, truth
from training.degradation.linear_light import to_display, to_linear
from training.degradation.ranges import KINDS, DegradationConfig, SensorRanges


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
    assert [drawn.blur is not None, drawn.rain is not None, drawn.lens is not None] == [
        effect in KINDS[kind] for effect in ('blur', 'streaks', 'drops')
    ]


def test_kinds_are_drawn_by_their_weights(rng):
    config = DegradationConfig(kinds={'clean': 1.0, 'all': 3.0, 'blur': 0.0})
    drawn = [draw_kind(config, rng) for _ in range(2000)]
    assert drawn.count('all') / 2000 == pytest.approx(0.75, abs=0.04)
    assert 'blur' not in drawn


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


def test_a_frame_is_degraded_from_its_truth():
    config = DegradationConfig(
        blur=BlurRanges(objects=MovingObjectRanges(share=1.0, extent_px=(8.0, 12.0)), highlight_share=0.0),
        sensor=SensorRanges(jpeg_share=0.0),
    )
    sharp = photograph()
    drawn = draw(config, 'blur', 160, 160, np.random.default_rng(11))
    seen = truth(sharp, drawn)
    assert psnr(seen, sharp) < 35.0
    assert psnr(degrade(sharp, drawn), seen) > psnr(degrade(sharp, drawn), sharp)
    still = tuple(replace(thing, trajectory=STILL) for thing in drawn.blur.objects)
    resting = replace(drawn, blur=Blur(STILL, objects=still))
    assert psnr(degrade(sharp, resting), seen) > 38.0
    assert truth(sharp, replace(drawn, blur=None)) is sharp


def test_ranges_that_cannot_be_drawn_from_are_refused():
    with pytest.raises(ValueError, match=r'extent_px is \[9.0, 3.0\], want \[lowest, highest\]'):
        BlurRanges(extent_px=(9.0, 3.0))
