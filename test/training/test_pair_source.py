import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from workbench import trained

from restore_node.common.errors import ConfigError
from training.config.data import PairsConfig, SourceConfig
from training.data.feed import OpenSource
from training.data.layouts.registry import open_pairs
from training.data.pair_source import PairSource, add_noise
from training.data.samples import lanes
from training.data.validation import middles

PAIRS = 5


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Rain100L in small: red is 100 and the number, green the column, blue the row; rain is 50 brighter."""
    folder = tmp_path_factory.mktemp('rain100l')
    for split, numbers in (('train', range(PAIRS)), ('test', (90,))):
        (folder / split).mkdir()
        for number in numbers:
            sharp = np.full((70, 90, 3), 100 + number, np.uint8)
            sharp[..., 1] = np.arange(90)
            sharp[..., 2] = np.arange(70)[:, None]
            for name, image in (('norain', sharp), ('rain', sharp + 50)):
                cv2.imwrite(str(folder / split / f'{name}-{number}.png'), image[..., ::-1])
    return folder


@pytest.fixture
def source(root):
    """Makes sources, one like the other."""

    def make(batch=1, crop_px=64, **changes):
        config = PairsConfig('rain100l', str(root), **changes)
        return PairSource(open_pairs(config)[0], config, crop_px, 7, batch)

    return make


def test_crops_are_cut_alike_from_both_images(source):
    made = source()
    corners = set()
    for index in range(40):
        degraded, sharp = made.sample(index)
        assert sharp.shape == (64, 64, 3)
        assert sharp.flags.c_contiguous
        assert np.array_equal(degraded, sharp + 50)
        corners.add(tuple(sharp[0, 0, 1:]))
    assert len(corners) > 20


def test_a_sample_is_a_function_of_seed_and_index(source):
    forwards = [source(noise=3.0).sample(index) for index in (0, 7, 130, 131)]
    made = source(noise=3.0)
    backwards = [made.sample(index) for index in (131, 130, 7, 0)][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


def test_every_pass_reads_every_pair_once_in_another_order(source):
    made = source(batch=1, crops_per_read=2)
    # In the first visits of all lanes, read number and lane are the same.
    order = [int(made.sample(index)[1][0, 0, 0]) - 100 for index in range(lanes(1))]
    passes = [order[:PAIRS], order[PAIRS : 2 * PAIRS], order[2 * PAIRS : 3 * PAIRS]]
    assert all(sorted(turn) == list(range(PAIRS)) for turn in passes)
    assert len(set(map(tuple, passes))) > 1


def test_a_read_serves_several_different_crops(source, monkeypatch):
    made = source(crops_per_read=4)
    reads = []
    pair = made._pair
    monkeypatch.setattr(made, '_pair', lambda number: reads.append(number) or pair(number))
    crops = [made.sample(index)[1] for index in range(8 * lanes(1))]
    assert sorted(reads) == list(range(2 * lanes(1)))
    lane = crops[:: lanes(1)]
    assert len({int(crop[0, 0, 0]) for crop in lane[:4]}) == 1
    assert len({crop.tobytes() for crop in lane[:4]}) == 4


def test_noise_is_of_the_asked_level_and_on_degraded_images_only(source):
    quiet, noisy = source(), source(noise=5.0)
    differences = []
    for index in range(4):
        differences.append(noisy.sample(index)[0].astype(float) - quiet.sample(index)[0])
        assert np.array_equal(noisy.sample(index)[1], quiet.sample(index)[1])
    assert np.std(differences) == pytest.approx(5.0, rel=0.03)
    assert abs(np.mean(differences)) < 0.1
    assert not np.array_equal(differences[0], differences[1])


def test_noise_stays_within_the_grey_levels():
    rng = np.random.default_rng(0)
    for grey in (0, 255):
        noisy = add_noise(np.full((32, 32, 3), grey, np.uint8), 20.0, rng)
        # A wrapped value would be at the other end.
        assert np.abs(noisy.astype(int) - grey).max() < 110


def test_orientations_are_those_asked_for(source):
    still, flipped, turned = (
        source(flips=flips, turns=turns) for flips, turns in ((False, False), (True, False), (True, True))
    )

    def orientations(made):
        # Green grows with the column and blue with the row, before anything is mirrored or turned.
        crops = [made.sample(index)[1].astype(int) for index in range(60)]
        return {
            tuple(np.sign(crop[-1, 0] - crop[0, 0])[1:]) + tuple(np.sign(crop[0, -1] - crop[0, 0])[1:])
            for crop in crops
        }

    assert [len(orientations(made)) for made in (still, flipped, turned)] == [1, 4, 8]


def test_smaller_images_are_padded_by_reflection(source):
    sharp = source(crop_px=128, flips=False).sample(0)[1]
    assert sharp.shape == (128, 128, 3)
    assert sharp[0, 88:93, 1].tolist() == [88, 89, 89, 88, 87]
    assert sharp[68:73, 0, 2].tolist() == [68, 69, 69, 68, 67]


def test_what_is_held_out(root):
    config = PairsConfig('rain100l', str(root), terms='research use')
    kept, apart = open_pairs(config)
    assert (len(kept), [pair.name for pair in apart]) == (PAIRS, ['090'])
    found = OpenSource(SourceConfig('rain', pairs=config), kept, apart)
    assert found.listed(kept) == [{'name': 'Rain100L', 'images': PAIRS, 'terms': 'research use'}]
    kept, apart = open_pairs(replace(config, held_out=('*2', '*3')))
    assert [pair.name for pair in kept] == ['000', '001', '004']
    assert [pair.name for pair in apart] == ['002', '003']
    for globs in (('nothing',), ('*',)):
        with pytest.raises(ConfigError, match='of 5, named like 000'):
            open_pairs(replace(config, held_out=globs))


def test_ones_own_folders_need_globs(root, tmp_path):
    for name in ('degraded', 'sharp'):
        (tmp_path / name).symlink_to(root / 'train')
    config = PairsConfig('folders', str(tmp_path))
    with pytest.raises(ConfigError, match=r'held_out: got \[\], which matches 0 of 10'):
        open_pairs(config)


def test_measuring_looks_at_the_middle(root):
    kept, _ = open_pairs(PairsConfig('rain100l', str(root)))
    pairs = middles([kept[0], kept[2], kept[4]], 64)
    assert [int(sharp[0, 0, 0]) - 100 for _, sharp in pairs] == [0, 2, 4]
    assert pairs[0][1].shape == (64, 64, 3)
    assert pairs[0][1][0, 0].tolist() == [100, 13, 3]


def test_a_run_trains_on_pairs_and_measures_on_those_held_out(root, run_values, tmp_path):
    values = run_values | {
        'data': {'pairs': {'layout': 'rain100l', 'root': str(root), 'noise': 2.0}, 'crop_px': 64},
        'schedule': run_values['schedule'] | {'steps': 2},
    }
    run = tmp_path / 'run'
    trained(values, run)
    made = json.loads((run / 'run.json').read_text())
    assert made['data'] == [{'name': 'Rain100L', 'images': PAIRS, 'terms': 'not stated'}]
    assert made['held_out'] == [{'name': 'Rain100L', 'images': 1, 'terms': 'not stated'}]
    last = json.loads((run / 'metrics.jsonl').read_text().splitlines()[-1])
    assert last['quality']['pairs']['images'] == 1
