"""The sensor and the camera: noise in light, tone curve, white balance, sharpening, resizing, JPEG."""

from dataclasses import replace

import numpy as np
import pytest

from training.degradation.degrade import draw
from training.degradation.linear_light import to_display, to_linear
from training.degradation.ranges import KINDS, DegradationConfig
from training.degradation.sensor import Sensor, SensorRanges, compress, draw_sensor, expose, noise_of

QUIET = Sensor(read_noise=0.0, shot_noise=0.0, seed=1)
NOISY = Sensor(read_noise=2e-4, shot_noise=1e-4, seed=1)


def grey(level, side=160):
    return np.full((side, side, 3), level, np.uint8)


def picture(height=64, width=96):
    rows, columns = np.indices((height, width))
    return np.stack((rows * 4, columns * 2, 255 - rows * 3), axis=-1).astype(np.uint8)


def test_noise_is_strongest_in_the_shadows():
    """The field's fault: noise that grew with pixel values, 1.2 grey levels at 16 and 3.1 at 240."""
    spread = [float(expose(to_linear(grey(level)), NOISY).std()) for level in (12, 32, 64, 128, 240)]
    assert spread == sorted(spread, reverse=True)
    assert spread[0] > 1.4 * spread[-1]


@pytest.mark.parametrize('level', [60, 130, 200])
def test_noise_has_the_variance_of_its_light(level):
    sensor = replace(NOISY, shot_noise=2e-3, read_noise=2e-3)
    light = to_linear(grey(level))
    seen = to_linear(expose(light, sensor))
    assert seen.mean() == pytest.approx(light.mean(), rel=0.01)
    assert seen.var() == pytest.approx(2e-3 * light.mean() + 4e-6, rel=0.06)


def test_the_white_balance_multiplies_noise_too():
    sensor = replace(NOISY, gains=(4.0, 1.0))
    red, green, blue = expose(to_linear(grey(128)), sensor).reshape(-1, 3).std(axis=0)
    assert red == pytest.approx(2.0 * green, rel=0.1)
    assert blue == pytest.approx(green, rel=0.05)


@pytest.mark.parametrize('gamma', [1.8, 2.2, 2.6])
def test_without_noise_the_cameras_curve_and_white_balance_change_nothing(gamma):
    sharp = picture()
    assert np.array_equal(expose(to_linear(sharp), replace(QUIET, gamma=gamma, gains=(2.0, 1.5))), sharp)
    nearly = replace(QUIET, read_noise=1e-9, gamma=gamma, gains=(2.0, 1.5))
    assert np.abs(expose(to_linear(sharp), nearly).astype(int) - sharp).max() <= 1


def test_a_steeper_curve_shows_more_noise_in_the_shadows():
    dark = to_linear(grey(24))
    flat, steep = (expose(dark, replace(NOISY, gamma=gamma)).std() for gamma in (1.8, 2.6))
    assert steep > 1.2 * flat


def test_light_above_white_is_white():
    assert np.array_equal(expose(np.full((8, 8, 3), 3.0, np.float32), QUIET), grey(255, 8))


def test_grains_are_wider_and_as_strong():
    fine, coarse = (noise_of(replace(NOISY, grain_px=width), (256, 256, 3)) for width in (0.0, 0.8))
    assert fine.std() == pytest.approx(1.0, rel=0.02)
    assert coarse.std() == pytest.approx(1.0, rel=0.03)

    def alike(noise):
        return np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]

    assert abs(alike(fine)) < 0.02
    assert alike(coarse) > 0.4


def test_sharpening_leaves_a_halo_and_resizing_softens():
    edge = np.repeat(np.array([80, 160], np.uint8), 40)
    light = to_linear(np.ascontiguousarray(np.broadcast_to(edge[None, :, None], (40, 80, 3))))
    haloed = expose(light, replace(QUIET, sharpening=0.8, sharpening_px=1.5))[20, :, 0]
    assert haloed.min() < 75
    assert haloed.max() > 165
    assert (haloed[0], haloed[-1]) == (80, 160)
    soft = expose(light, replace(QUIET, shrink=1.5))[20, :, 0]
    assert np.abs(np.diff(soft.astype(int))).max() < 75


def test_jpeg_keeps_the_colour_order():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    seen = expose(to_linear(red), replace(QUIET, jpeg_quality=90))
    assert abs(int(seen[..., 0].mean()) - 200) < 4
    assert seen[..., 2].mean() < 4
    assert np.array_equal(seen, compress(to_display(to_linear(red)), 90))


def test_a_seed_is_a_pattern():
    light = to_linear(grey(100))
    assert np.array_equal(expose(light, NOISY), expose(light, NOISY))
    assert not np.array_equal(expose(light, NOISY), expose(light, replace(NOISY, seed=2)))


def test_sharp_frames_are_not_processed():
    """What has nothing to be restored must come out as it went in."""
    config = DegradationConfig(sensor=SensorRanges(sharpening_share=1.0, shrink_share=1.0))
    for kind in KINDS:
        sensor = draw(config, kind, 96, 96, np.random.default_rng(2)).sensor
        assert (sensor.sharpening > 0.0, sensor.shrink > 1.0) == ((kind != 'clean',) * 2)


def test_ranges_may_be_silent():
    ranges = SensorRanges(read_noise=(0.0, 0.0), shot_noise=(0.0, 0.0), jpeg_share=0.0)
    sharp = picture()
    sensor = draw_sensor(ranges, np.random.default_rng(1), processed=False)
    assert np.array_equal(expose(to_linear(sharp), sensor), sharp)
