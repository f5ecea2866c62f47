"""Falling rain: what each family promises, how it comes over the picture, and how much of it there is."""

import dataclasses

import cv2
import numpy as np
import pytest
from scenery import patch

from restore_node.common.metrics import psnr
from training.degradation.linear_light import to_display, to_linear
from training.degradation.rain.dragged_noise import DraggedNoise, render_dragged_noise
from training.degradation.rain.falling import Rain, add_rain, draw_rain, render_rain
from training.degradation.rain.ranges import FAMILIES, RainRanges
from training.degradation.rain.streaks import StreakLayer, render_streaks
from training.degradation.ranges import RAIN100H, RAIN100L
from training.degradation.veil import Veil, add_veil, draw_veil, share_of

LAYER = StreakLayer(count=30.0, angle_deg=0.0, spread_deg=0.0, length_px=30.0, width_px=2.0, brightness=0.8)
SHEET = DraggedNoise(grain_px=2.0, fill=0.2, angle_deg=0.0, length_px=25.0, contrast=0.5, brightness=0.7)
DRY_AIR = RainRanges(veil_share=0.0)
LOOKS = [(display, screened) for display in (False, True) for screened in (False, True)]


def only(family, ranges=DRY_AIR):
    return dataclasses.replace(ranges, families={family: 1.0}, second_share=0.0)


def lean_of(picture):
    """The direction along which a picture changes least, as a lean from the vertical in degrees."""
    down, right = np.gradient(cv2.GaussianBlur(picture, (0, 0), 2.0))
    turned = 0.5 * np.arctan2(2.0 * (down * right).sum(), (right**2 - down**2).sum())
    return -np.rad2deg(turned)


@pytest.mark.parametrize('family', FAMILIES)
def test_every_family_adds_light_only_and_a_seed_is_a_moment(family, rng):
    light = to_linear(patch(1, 96))
    for _ in range(8):
        rain = draw_rain(only(family), rng)
        rainy = add_rain(light, rain)
        assert rainy.dtype == np.float32
        assert (rainy >= light - 1e-5).all()
        assert np.array_equal(rainy, add_rain(light, rain))
        later = dataclasses.replace(rain, seed=rain.seed + 1)
        assert not np.array_equal(render_rain(rain, 96, 128), render_rain(later, 96, 128))
    assert draw_rain(RainRanges(), np.random.default_rng(3)) == draw_rain(
        RainRanges(), np.random.default_rng(3)
    )


@pytest.mark.parametrize('angle', [-70.0, -40.0, -8.0, 0.0, 15.0, 45.0, 60.0])
def test_streaks_lean_by_their_angle(angle, rng):
    layer = dataclasses.replace(LAYER, angle_deg=angle, length_px=50.0)
    assert lean_of(render_streaks(layer, 300, 260, rng)) == pytest.approx(angle, abs=2.0)
    sheet = dataclasses.replace(SHEET, angle_deg=angle, length_px=50.0)
    assert lean_of(render_dragged_noise(sheet, 300, 260, rng)) == pytest.approx(angle, abs=3.0)


@pytest.mark.parametrize('angle', [0.0, 30.0, 80.0])
def test_a_layer_has_the_density_and_the_light_it_says(angle, rng):
    """So many streaks of so many pixels by so many, none lost at the borders."""
    layer = dataclasses.replace(LAYER, angle_deg=angle, width_px=1.5)
    light = np.mean([render_streaks(layer, 200, 240, rng).mean() for _ in range(60)])
    # Over its profile a streak is 0.986 times its width at half height; single peaks average 0.598.
    assert light == pytest.approx(30.0 * 30.0 * 1.5 / 1e5 * 0.986 * 0.8 * 0.598, rel=0.1)


def test_no_streak_is_darker_than_nothing():
    """Rounding at a tapered end once gave light below 0, whose power is not a number."""
    for seed in range(6):
        layer = dataclasses.replace(LAYER, count=2000.0, length_px=4.0, width_px=1.0, taper=1.0)
        assert render_streaks(layer, 720, 1280, np.random.default_rng(seed)).min() >= 0.0


def test_a_thin_streak_keeps_its_light_wherever_it_lies(rng):
    layer = dataclasses.replace(LAYER, count=4.0, width_px=0.5, angle_deg=3.0)
    light = render_streaks(layer, 400, 400, rng)
    rows = light[150:250].sum(axis=1)
    assert light.max() <= 0.5 * 0.8
    assert np.abs(np.diff(rows)).max() < 0.5


def test_streaks_taper_and_ripple(rng):
    few = dataclasses.replace(LAYER, count=1.0, length_px=80.0, width_px=3.0)
    plain = render_streaks(few, 400, 400, np.random.default_rng(1))
    tapered = render_streaks(dataclasses.replace(few, taper=1.0), 400, 400, np.random.default_rng(1))
    rippled = render_streaks(
        dataclasses.replace(few, ripple=0.8, ripples=6.0), 400, 400, np.random.default_rng(1)
    )
    assert (tapered <= plain + 1e-6).all()
    assert (rippled <= plain + 1e-6).all()
    assert tapered.max() > 0.9 * plain.max()
    column = int(plain.max(axis=0).argmax())
    dips = np.diff(np.sign(np.diff(rippled[:, column])))
    assert (dips > 0).sum() > (np.diff(np.sign(np.diff(plain[:, column]))) > 0).sum() + 2


def test_dragged_noise_of_small_fill_is_sparse(rng):
    sparse, full = (
        render_dragged_noise(dataclasses.replace(SHEET, fill=fill, contrast=0.9), 200, 200, rng)
        for fill in (0.01, 1.0)
    )
    assert sparse.max() <= 0.7
    assert (sparse > 0.05).mean() < 0.5 < (full > -1.0).mean()
    assert np.isfinite(full).all()


@pytest.mark.parametrize(('in_display', 'screened'), LOOKS)
def test_streaks_come_over_light_or_pixel_values_by_addition_or_screen(in_display, screened):
    grey = to_linear(np.full((64, 64, 3), 128, np.uint8))
    rain = Rain((dataclasses.replace(LAYER, count=300.0),), in_display, screened, veil=None, seed=4)
    streaks = render_rain(rain, 64, 64)[..., None]
    if in_display:
        below = 128 / 255
        want = below + (np.minimum(streaks, 1.0) * (1.0 - below) if screened else streaks)
        want = want**2.2
    else:
        light = streaks**2.2
        want = grey + (np.minimum(light, 1.0) * (1.0 - grey) if screened else light)
    assert np.allclose(add_rain(grey, rain), want, atol=1e-4)
    if screened:
        assert add_rain(grey, rain).max() <= 1.0 + 1e-5
        beyond = np.full((64, 64, 3), 1.7, np.float32)
        assert np.allclose(add_rain(beyond, rain), beyond, atol=1e-4)


def test_a_veil_pulls_towards_its_grey_and_grows_with_depth(rng):
    light = np.tile(np.array([[[0.0, 1.0, 0.4]]], np.float32), (3, 1, 1))
    even = add_veil(light, Veil(share=0.5, light=0.4))
    assert even[1, 0].tolist() == pytest.approx([0.2, 0.7, 0.4])
    by_position = share_of(draw_veil(rng, share=0.4, light=0.5, nearest=0.25, by_position=True), 120, 90)
    assert (np.diff(by_position[..., 0], axis=0) <= 1e-6).all()
    assert by_position.max() == pytest.approx(0.4)
    assert by_position.min() == pytest.approx(0.1)
    smooth = share_of(draw_veil(rng, share=0.4, light=0.5, nearest=0.0, by_position=False), 120, 90)
    assert smooth.min() >= 0.0
    assert smooth.max() <= 0.4
    assert np.abs(np.diff(smooth[..., 0], axis=0)).max() < 0.03
    assert smooth.std() > 0.0


def test_inputs_span_from_drizzle_to_downpour():
    """Of 200 rainy patches a tenth is below 17 dB and a tenth above 33, and none below 8."""
    rng = np.random.default_rng(2)
    qualities = []
    for number in range(200):
        sharp = patch(number)
        scale = float(2.0 ** rng.uniform())
        rainy = to_display(add_rain(to_linear(sharp), draw_rain(RainRanges(), rng, scale=scale)))
        qualities.append(psnr(rainy, sharp))
    assert min(qualities) > 8.0
    assert np.percentile(qualities, 10) < 17.0
    assert np.percentile(qualities, 90) > 33.0
    assert 22.0 < np.median(qualities) < 29.0


@pytest.mark.parametrize(('ranges', 'low', 'high'), [(RAIN100H, 10.5, 13.5), (RAIN100L, 24.0, 29.0)])
def test_named_rain_is_as_dense_as_its_set(ranges, low, high):
    """The inputs of Rain100H average about 12 dB to their truth (RGB), those of Rain100L about 26."""
    rng = np.random.default_rng(2)
    qualities = []
    for number in range(30):
        sharp = patch(number)
        qualities.append(psnr(to_display(add_rain(to_linear(sharp), draw_rain(ranges, rng))), sharp))
    assert low < np.mean(qualities) < high


def test_rain_of_a_frame_twice_as_high_is_the_same_picture_twice_as_large(rng):
    ranges = only('tapered', dataclasses.replace(DRY_AIR, angle_deg=(5.0, 5.0)))
    small, large = (draw_rain(ranges, np.random.default_rng(8), scale=scale) for scale in (1.0, 2.0))
    for one, two in zip(small.streaks, large.streaks, strict=True):
        assert (two.length_px, two.width_px) == pytest.approx((2.0 * one.length_px, 2.0 * one.width_px))
        assert two.count == pytest.approx(one.count / 4.0)
        assert two.brightness == one.brightness
    light = [render_rain(rain, 360 * side, 480 * side).mean() for side, rain in ((1, small), (2, large))]
    assert light[1] == pytest.approx(light[0], rel=0.35)


@pytest.mark.parametrize('family', FAMILIES)
@pytest.mark.parametrize('size', [(1, 1), (7, 200), (33, 47)])
def test_any_size_can_be_rained_on(family, size, rng):
    for _ in range(5):
        rain = draw_rain(only(family, RainRanges(veil_share=1.0)), rng)
        rainy = add_rain(np.full((*size, 3), 0.2, np.float32), rain)
        assert rainy.shape == (*size, 3)
        assert np.isfinite(rainy).all()
