"""A wet lens: what each family of drops promises, no seams where drops overlap, trickles, smear and haze."""

import dataclasses

import numpy as np
import pytest
from scenery import patch

from restore_node.common.metrics import psnr
from training.degradation.lens.drops import Drops, add_drops, defocused, render_drops
from training.degradation.lens.film import Film, Smear, Trickle, add_film, thickness_of
from training.degradation.lens.ranges import (
    FAMILIES,
    BeadRanges,
    BlobRanges,
    DropFamilyRanges,
    FilmRanges,
    LensRanges,
)
from training.degradation.lens.wet_lens import WetLens, add_lens, draw_drops, draw_lens, render_lens
from training.degradation.linear_light import to_display, to_linear
from training.degradation.veil import Veil

ROAD = np.full((81, 81, 3), 0.05, np.float32)
ROUND = Drops(x=40, y=40, radius_px=10, shrink=3, softness=0.2)


def through(light, *drops, defocus_px=0.0):
    """Through drops, from back to front."""
    columns = zip(*map(dataclasses.astuple, drops), strict=True)
    layers = render_drops(Drops(*(np.hstack(column) for column in columns)), *light.shape[:2])
    return add_drops(light, layers, defocus_px=defocus_px)


def test_a_drop_shows_the_scene_upside_down_and_nothing_changes_beside_it():
    column = np.linspace(0.0, 1.0, 81, dtype=np.float32)
    light = np.ascontiguousarray(np.broadcast_to(column[:, None, None], (81, 81, 3)))
    before = light.copy()
    wet = through(light, ROUND, defocus_px=0.5)
    assert wet[34, 40, 0] > light[34, 40, 0] + 0.1
    assert wet[46, 40, 0] < light[46, 40, 0] - 0.1
    assert np.array_equal(wet[:, :25], light[:, :25])
    assert np.array_equal(wet[60:], light[60:])
    assert np.array_equal(light, before)


def test_a_drop_before_a_dark_road_shows_the_sky_below_its_horizon():
    drop = dataclasses.replace(ROUND, sky=0.7, horizon=0.0)
    wet = through(ROAD, drop)
    assert wet[34, 40, 0] == pytest.approx(0.05, abs=1e-4)
    assert wet[40, 40, 0] == pytest.approx(0.375, abs=0.01)
    assert wet[46, 40, 0] == pytest.approx(0.7, abs=1e-4)
    covered = through(ROAD, dataclasses.replace(drop, y=44), dataclasses.replace(drop, sky=0.0))
    assert covered[46, 40, 0] == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize('softness', [0.4, 1.0, 2.0])
def test_where_drops_overlap_there_is_no_seam(softness):
    """The rim of the later drop lets the earlier one through: no step is higher than a drop's own edge."""
    shared = {'shrink': 4.0, 'softness': softness}
    first, later = Drops(60, 64, 30, **shared), Drops(95, 64, 20, **shared)
    light = np.zeros((128, 160, 3), np.float32)
    light[:, :80] = 1.0
    both = through(light, first, later)

    alone = through(light, first)
    # From back to front, by the definition of "over".
    for over in (later, first):
        (layer,) = render_drops(over, 128, 160)
        thin = layer.alpha[:, 0] < 0.05
        below = alone if over is later else light
        done = both if over is later else alone
        change = np.abs(done - below).reshape(-1, 3)[layer.pixels[thin]]
        assert change.max() < 0.06
    # The later drop mirrors the edge of the scene at full contrast only in its own middle.
    steps = np.abs(np.diff(both[..., 0], axis=1))
    own = max(np.abs(np.diff(through(light, drop)[..., 0], axis=1)).max() for drop in (first, later))
    assert steps.max() <= own + 0.06


def test_drops_are_composed_from_back_to_front(rng):
    """As one after the other, each over the picture behind it and lit by the same dry scene."""
    light = to_linear(patch(0, 96))
    drops = draw_drops(BlobRanges(per_megapixel=(4000.0, 4000.0), fullest=2.0), 96, 96, rng, sky=0.6)
    layers = render_drops(drops, 96, 96)
    assert 1 < len(layers) < len(drops.x)
    wet = light
    for numbers in zip(*dataclasses.astuple(drops)[:-1], strict=True):
        for layer in render_drops(Drops(*numbers), 96, 96):
            # What is seen in a drop is the dry scene.
            alone = add_drops(light, [layer], defocus_px=0.0).reshape(-1, 3)
            dry = light.reshape(-1, 3)[layer.pixels]
            seen = dry + (alone[layer.pixels] - dry) / np.maximum(layer.alpha, 1e-6)
            flat = wet.reshape(-1, 3).copy()
            flat[layer.pixels] += layer.alpha * (seen - flat[layer.pixels])
            wet = flat.reshape(light.shape)
    assert np.allclose(add_drops(light, layers, defocus_px=0.0), wet, atol=2e-3)
    for layer in layers:
        assert len(np.unique(layer.pixels)) == len(layer.pixels)


def test_blobs_are_soft_to_their_middle_and_brighter_than_a_dark_scene(rng):
    blob = Drops(40, 40, 12, softness=2.0, sky=0.8, horizon=-2.0)
    profile = through(ROAD, blob)[40, :, 0]
    assert profile[40] == pytest.approx(0.8, abs=0.02)
    assert np.abs(np.diff(profile)).max() < 0.08
    assert ((profile > 0.1) & (profile < 0.7)).sum() > 12
    wet = add_lens(
        ROAD,
        render_lens(
            WetLens(None, None, (draw_drops(BlobRanges(sky_share=1.0), 81, 81, rng, sky=0.9),)), 81, 81
        ),
    )
    assert wet.mean() > ROAD.mean()


def test_beads_are_hundreds_each_with_a_dark_rim_and_a_highlight(rng):
    many = BeadRanges(per_megapixel=(2600.0, 2600.0), radius_px=(1.5, 3.0))
    assert 400 < len(draw_drops(many, 360, 640, rng, sky=0.5).x) <= 700
    grey = np.full((81, 81, 3), 0.4, np.float32)
    bead = Drops(40, 40, 20, softness=0.1, rim=0.8, highlight=0.5)
    row = through(grey, bead)[40, :, 0]
    assert row[40] == pytest.approx(0.4, abs=1e-4)
    assert row[58] < 0.2
    assert row[10] == pytest.approx(0.4)
    assert through(grey, bead)[33, 34, 0] > 0.8


def test_drops_cover_no_more_than_their_ranges_say(rng):
    for ranges in (DropFamilyRanges(), BlobRanges(per_megapixel=(1e5, 1e5)), BeadRanges()):
        for _ in range(5):
            drops = draw_drops(ranges, 400, 400, rng, sky=0.5)
            area = (np.pi * drops.reach_px**2)[drops.stretch <= 1.5].sum()
            assert area / 160_000 < 1.7 * ranges.fullest


def test_no_edge_is_harder_than_a_pixel():
    black = np.zeros((41, 41, 3), np.float32)
    row = through(black, Drops(20.3, 20, 6, softness=1e-3, sky=1.0, horizon=-9.0))[20, :, 0]
    assert ((row > 0.02) & (row < 0.98)).sum() >= 2


def test_defocus_of_any_width_keeps_the_mean():
    light = to_linear(patch(1, 120))
    for width_px in (0.0, 0.8, 4.0, 30.0, 500.0):
        soft = defocused(light, width_px)
        assert soft.shape == light.shape
        assert soft.mean() == pytest.approx(light.mean(), abs=0.02)
    assert defocused(light, 30.0).std() < 0.7 * light.std()


def test_a_trickle_bends_and_blurs_only_where_it_runs():
    light = to_linear(patch(0, 128))
    film = Film((Trickle(((30.0, -5.0), (34.0, 60.0), (31.0, 140.0)), 8.0),), None, 12.0, 1.5, 0.05)
    thickness = thickness_of(film, 128, 128)
    assert thickness[60, 34] > 0.8
    assert thickness[:, 60:].max() == 0.0
    wet = add_film(light, film, thickness)
    assert np.array_equal(wet[:, 64:], light[:, 64:])
    assert np.abs(wet[20:110, 25:40] - light[20:110, 25:40]).mean() > 0.01


def test_a_smear_lies_in_arcs_around_its_pivot():
    smear = Smear(x=60.0, y=400.0, spacing_px=6.0, strength=0.7, seed=3)
    thickness = thickness_of(Film((), smear, 0.0, 0.0, 0.0), 120, 120)
    assert 0.1 < thickness.max() <= 0.7
    # Below the pivot's column arcs are level: rows differ, columns hardly.
    middle = thickness[:, 50:70]
    assert np.abs(np.diff(middle, axis=0)).sum() > 4.0 * np.abs(np.diff(middle, axis=1)).sum()


def test_a_haze_takes_contrast_from_the_whole_region():
    light = to_linear(patch(0, 96))
    hazy = add_lens(light, render_lens(WetLens(Veil(0.3, 0.6), None, ()), 96, 96))
    assert hazy.std() == pytest.approx(0.7 * light.std(), rel=1e-3)


@pytest.mark.parametrize('family', FAMILIES)
@pytest.mark.parametrize('size', [(1, 1), (7, 200), (40, 50)])
def test_any_size_can_be_wet_and_the_same_draw_is_the_same_lens(family, size):
    ranges = LensRanges(families={family: 1.0}, film=FilmRanges(share=0.5), haze_share=0.5)
    light = np.full((*size, 3), 0.2, np.float32)
    for seed in range(6):
        lens, again = (draw_lens(ranges, *size, np.random.default_rng(seed), scale=1.4) for _ in range(2))
        wet = add_lens(light, render_lens(lens, *size))
        assert wet.shape == light.shape
        assert wet.dtype == np.float32
        assert np.isfinite(wet).all()
        assert wet.min() >= 0.0
        assert np.array_equal(wet, add_lens(light, render_lens(again, *size)))


def test_drops_far_over_the_border_are_left_out():
    far = dataclasses.replace(ROUND, x=np.array([-90, 0, 500]), y=np.array([0, 400, 90]))
    assert render_drops(far, 40, 50) == ()
    assert np.array_equal(add_drops(ROAD, ()), ROAD)


def test_wet_inputs_span_from_a_drop_to_a_screen_full(rng):
    qualities = []
    for number in range(120):
        sharp = patch(number)
        lens = draw_lens(LensRanges(), 192, 192, rng, scale=float(2.0 ** rng.uniform()))
        qualities.append(psnr(to_display(add_lens(to_linear(sharp), render_lens(lens, 192, 192))), sharp))
    assert min(qualities) > 10.0
    assert np.percentile(qualities, 10) < 20.0
    assert np.percentile(qualities, 90) > 31.0
