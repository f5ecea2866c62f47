"""Named validation sets of whole images, and the score that checkpoints are chosen by."""

import numpy as np
import pytest
from scenery import write_pairs

from restore_node.common.errors import ConfigError
from restore_node.common.metrics import psnr
from training.config.run import parse_config
from training.data.cutting import WholeCuts
from training.data.feed import open_feed
from training.data.validation import ValidationSet
from training.evaluation.quality import Quality, measure, score
from training.evaluation.sheet import compare, draw_sheet


@pytest.fixture
def real(tmp_path):
    """Three real pairs in `wet` and `dry`."""
    images = [np.full((90, 120, 3), 100 + number, np.uint8) for number in range(3)]
    write_pairs(tmp_path, {number: (image + 30, image) for number, image in enumerate(images)}, 'wet', 'dry')
    return {'layout': 'folders', 'root': str(tmp_path), 'degraded': 'wet', 'sharp': 'dry'}


def sets_of(run_values, *sets):
    return open_feed(parse_config(run_values | {'validation': {'sets': list(sets)}}, 'test')).held_out()


def test_sets_are_whole_images_named_and_weighted(run_values, real, photographs_root):
    whole, part, wet, other = sets_of(
        run_values,
        {'name': 'real', 'pairs': real, 'weight': 3},
        {'name': 'part', 'pairs': real, 'count': 2, 'size': [64, 80]},
        {'name': 'wet', 'held_out_of': 'photographs', 'kind': 'streaks', 'size': [320, 160]},
        {'name': 'other', 'photographs': {'roots': [str(photographs_root)]}, 'kind': 'clean', 'count': 2},
    )
    assert (whole.name, whole.weight, whole.clean, len(whole.pairs)) == ('real', 3.0, False, 3)
    assert whole.pairs[1][0].shape == (90, 120, 3)
    assert (whole.pairs[1][0][0, 0, 0], whole.pairs[1][1][0, 0, 0]) == (131, 101)
    assert [int(pair[1][0, 0, 0]) for pair in part.pairs] == [100, 102]
    assert part.pairs[0][0].shape == part.pairs[0][1].shape == (80, 64, 3)
    # Coffee alone is held out, 400 rows by 600 columns.
    assert [degraded.shape for degraded, _ in wet.pairs] == [(160, 320, 3)]
    assert psnr(*wet.pairs[0]) < 50.0
    assert other.clean
    assert [degraded.shape for degraded, _ in other.pairs] == [(360, 512, 3), (360, 600, 3)]
    # Noise and the camera's own processing, which are on every frame.
    assert all(psnr(*pair) > 30.0 for pair in other.pairs)


def test_the_same_pictures_come_every_time(run_values):
    entry = {'name': 'all', 'held_out_of': 'photographs', 'kind': 'all', 'size': [128, 96]}
    (one,), (other,) = sets_of(run_values, entry), sets_of(run_values, entry)
    assert np.array_equal(one.pairs[0][0], other.pairs[0][0])


def test_a_set_may_have_a_degradation_of_its_own(run_values):
    entry = {'name': 'night', 'held_out_of': 'photographs', 'kind': 'clean', 'size': [128, 96]}
    noisy = entry | {'degradation': {'sensor': {'read_noise': [30, 30]}}}
    (quiet,), (loud,) = sets_of(run_values, entry), sets_of(run_values, noisy)
    assert psnr(*loud.pairs[0]) < psnr(*quiet.pairs[0]) - 10.0


def test_a_set_may_be_in_fog_its_truth_included(run_values):
    entry = {'name': 'dry', 'held_out_of': 'photographs', 'kind': 'clean', 'size': [128, 96]}
    fog = {'share': 1.0, 'density': [0.9, 0.9], 'light': [0.1, 0.1]}
    (clear,), (foggy,) = sets_of(run_values, entry), sets_of(run_values, entry | {'fog': fog})
    assert foggy.clean
    for clear_image, foggy_image in zip(clear.pairs[0], foggy.pairs[0], strict=True):
        assert foggy_image.std() < clear_image.std() / 2
    # Fog of a light of 0.1, 90 as a pixel value, with a tenth of the scene's light.
    assert 85 <= foggy.pairs[0][1].min() < foggy.pairs[0][1].max() <= 124
    assert psnr(*foggy.pairs[0]) > 30.0


def test_a_frame_is_the_middle_as_large_as_its_shape_allows():
    cut = WholeCuts(640, 360).draw(900, 1600, 32, None)
    assert (cut.rows, cut.columns) == (424, 704)
    assert (cut.height, cut.width) == (1060, 1760)
    image = np.zeros((900, 1600, 3), np.uint8)
    image[450:, :, 0] = 200
    made = cut.of(image)
    assert made.shape == (424, 704, 3)
    assert made[211, 300, 0] < 50 < 150 < made[213, 300, 0]
    small = WholeCuts(640, 360).draw(100, 50, 8, None)
    assert (small.rows, small.columns, small.top) == (116, 66, -8)


@pytest.mark.parametrize(
    ('entry', 'named'),
    [
        ({'name': 'x'}, 'x has nothing, want one of held_out_of, pairs and photographs'),
        ({'name': 'x', 'held_out_of': 'photographs'}, 'shows photographs, want a kind'),
        ({'name': 'x', 'held_out_of': 'photographs', 'kind': 'fog'}, 'kind of x is fog'),
        ({'name': 'x', 'photographs': {'roots': ['a']}}, 'x has photographs and no kind'),
        ({'name': 'x', 'held_out_of': 'photographs', 'kind': 'clean', 'fog': {'light': [0, 1]}}, 'light is'),
        (
            {'name': 'x', 'pairs': {'layout': 'folders', 'root': 'a'}, 'fog': {'share': 1.0}},
            'x has a degradation or fog and no kind',
        ),
        (
            {'name': 'x', 'pairs': {'layout': 'folders', 'root': 'a'}, 'degradation': {}},
            'x has a degradation or fog and no kind',
        ),
    ],
)
def test_impossible_sets_are_refused(run_values, entry, named):
    with pytest.raises(ConfigError, match=named):
        sets_of(run_values, entry)


def test_the_score_is_the_weighted_gain_and_harm_to_clean_frames_counts():
    sets = [ValidationSet('rain', [], 3.0), ValidationSet('dry', [], 1.0, clean=True)]
    rain = Quality(1, 20.0, 22.0, 0.5, 0.6, 0.0, 30.0)

    def scored(to_input_db):
        return score({'rain': rain, 'dry': Quality(1, 42.0, 60.0, 1.0, 1.0, 0.0, to_input_db)}, sets)

    assert scored(45.0) == scored(60.0) == pytest.approx(1.5)
    assert scored(41.0) == pytest.approx((3 * 2.0 - 4.0) / 4)
    assert score({}, []) is None


def test_images_made_worse_are_counted():
    sharp = np.full((32, 40, 3), 100, np.uint8)
    pairs = [(sharp + 4, sharp), (sharp + 8, sharp)]
    found = measure(lambda _: sharp + 6, pairs)
    assert found.made_worse == 0.5
    assert found.psnr_to_input_db == pytest.approx(42.11, abs=0.01)
    assert measure(lambda degraded: degraded, pairs).made_worse == 0.0


def test_a_sheet_holds_pictures_of_different_sizes():
    small, large = np.zeros((20, 30, 3), np.uint8), np.zeros((40, 50, 3), np.uint8)
    sheet = draw_sheet({'a': [compare(small, small), compare(large, large)], 'b': [compare(small, small)]})
    alone = draw_sheet({'a': [compare(small, small), compare(large, large)]})
    assert sheet.shape[1] == alone.shape[1]
    assert sheet.shape[0] > alone.shape[0]
