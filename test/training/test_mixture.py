"""One training from several sources: who gives which sample, and that it stays so."""

import json
import shutil
from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from scenery import textured, write_pairs
from workbench import assert_same_bits, trained

from restore_node.common.errors import ConfigError
from training.config.run import config_values, load_config, parse_config
from training.data.feed import open_feed
from training.data.loader import batches
from training.data.mixture import BLOCK, Mixture
from training.data.samples import lanes
from training.runs import checkpoint
from training.runs.resumption import differences


class Numbered:
    """A source that remembers which of its samples were asked for."""

    def __init__(self):
        self.asked = []

    def sample(self, index):
        self.asked.append(index)
        return index


@pytest.fixture(scope='module')
def sequences_root(tmp_path_factory):
    """Two sequences of five frames in which a textured scene moves."""
    root = tmp_path_factory.mktemp('sequences')
    for name, speed in (('slow', 3), ('fast', 6)):
        (root / name).mkdir()
        for number in range(5):
            frame = np.ascontiguousarray(textured()[:, speed * number : speed * number + 200])
            cv2.imwrite(str(root / name / f'{number:03d}.png'), frame)
    return root


@pytest.fixture(scope='module')
def pairs_root(tmp_path_factory):
    """Six pairs of two folders."""
    images = [np.random.default_rng(seed).integers(0, 200, (80, 90, 3), np.uint8) for seed in range(6)]
    pairs = {number: (image + 40, image) for number, image in enumerate(images)}
    return write_pairs(tmp_path_factory.mktemp('pairs'), pairs)


@pytest.fixture
def mixed_values(run_values, sequences_root, pairs_root):
    """A short run of all three sorts of sources, with named validation sets."""
    data = run_values['data']
    own = {key: data[key] for key in ('roots', 'sets', 'held_out')}
    rest = {key: value for key, value in data.items() if key not in own}
    sources = [
        {'name': 'photographs', 'weight': 2, 'photographs': own},
        {
            'name': 'moving',
            'sequences': {'roots': [str(sequences_root)], 'held_out': ['slow/*']},
            'degradation': {'kinds': {'blur': 1}},
        },
        {
            'name': 'rain',
            'pairs': {'layout': 'folders', 'root': str(pairs_root), 'held_out': ['5']},
        },
    ]
    sets = [
        {'name': 'moving', 'held_out_of': 'moving', 'kind': 'blur', 'count': 2, 'size': [128, 96]},
        {'name': 'rain', 'held_out_of': 'rain', 'weight': 2},
        {'name': 'dry', 'held_out_of': 'photographs', 'kind': 'clean', 'size': [128, 96]},
    ]
    return run_values | {'data': rest | {'sources': sources}, 'validation': {'sets': sets}}


def test_every_source_gives_its_share_and_none_of_its_own_samples_is_left_out():
    sources, batch = [Numbered(), Numbered(), Numbered()], 1
    mixture = Mixture(sources, [5.0, 3.0, 2.0], 7, batch)
    for index in range(BLOCK * lanes(batch)):
        mixture.sample(index)
    assert [len(source.asked) for source in sources] == [
        part * BLOCK // 10 * lanes(batch) for part in (5, 3, 2)
    ]
    for source in sources:
        assert sorted(source.asked) == list(range(len(source.asked)))
    # In a lane, so in one process, a source sees its own samples in order.
    lane = [index for index in sources[1].asked if index % lanes(batch) == 3]
    assert lane == sorted(lane)


def test_the_origin_of_a_sample_is_a_function_of_seed_and_index():
    def origins(indices, seed=7):
        mixture = Mixture([Numbered(), Numbered()], [1.0, 1.0], seed, 2)
        return [mixture.origin(index) for index in indices]

    indices = [0, 5, 40_000, 31, 12_345_678]
    assert origins(indices) == origins(indices[::-1])[::-1]
    many = range(400)
    assert origins(many) != origins(many, seed=8)
    # Within a batch sources take turns without a pattern.
    assert 120 < Counter(chosen for chosen, _ in origins(many))[0] < 280


def test_a_source_that_would_never_be_drawn_is_refused():
    with pytest.raises(ConfigError, match=r'too small.*1/1000'):
        Mixture([Numbered(), Numbered()], [1.0, 1e-5], 1, 1)


def test_a_mixture_is_resumed_and_divided_like_any_source(mixed_values):
    config = parse_config(mixed_values, 'test')

    def take(count, **given):
        stream = batches(open_feed(config).source, 2, **given)
        return [tuple(images.clone() for images in next(stream)) for _ in range(count)]

    whole = take(6)
    again = take(2, first_step=4)
    for one, other in zip(whole[4:], again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    ranks = [take(6, rank=rank, world=2) for rank in (0, 1)]
    for step, parts in zip(whole, zip(*ranks, strict=True), strict=True):
        for position in (0, 1):
            assert torch.equal(step[position], torch.cat([part[position] for part in parts]))


def test_a_run_of_a_mixture_lists_its_sets_and_keeps_its_best(mixed_values, pairs_root, tmp_path):
    run = tmp_path / 'run'
    trained(mixed_values, run)
    made = json.loads((run / 'run.json').read_text())
    assert [(origin['name'], origin['images']) for origin in made['data']] == [
        ('scikit-image', 2),
        ('other', 3),
        (pairs_root.name, 5),
    ]
    assert [origin['images'] for origin in made['held_out']] == [1, 3, 1]
    assert 'moving\theld out\tslow/000.png' in (run / 'data.txt').read_text()
    last = json.loads((run / 'metrics.jsonl').read_text().splitlines()[-1])
    assert {name: seen['images'] for name, seen in last['quality'].items()} == {
        'moving': 2,
        'rain': 1,
        'dry': 1,
    }
    best = checkpoint.load(run / 'best.pt')
    assert best.provenance['validation']['score'] == last['score']
    progress = json.loads((run / 'progress.json').read_text())
    assert (progress['step'], progress['done']) == (4, 1.0)


def test_a_mixture_that_was_killed_ends_with_the_same_bits(mixed_values, tmp_path):
    values = mixed_values | {'checkpoint': {'keep_minutes': 1e-9}}
    whole = trained(values, tmp_path / 'whole')
    shutil.copytree(tmp_path / 'whole', tmp_path / 'killed')
    kept = list((tmp_path / 'killed' / 'hourly').glob('*_step_2.pt'))
    kept[0].rename(tmp_path / 'killed' / 'checkpoint.pt')
    assert whole.step == 4
    assert_same_bits(trained(values, tmp_path / 'killed', resume=True), whole)


def test_a_source_s_degradation_changes_what_it_names_and_nothing_else(mixed_values):
    values = mixed_values | {'degradation': {'blur': {'extent_px': [3, 4]}, 'kinds': {'drops': 1}}}
    config = parse_config(values, 'test')
    moving = config.data.source('moving').degradation
    assert moving.kinds == {'blur': 1.0}
    assert moving.blur == config.degradation.blur
    assert config.data.source('photographs').degradation is None
    assert parse_config(config_values(config), 'its own values') == config


def test_roots_of_sources_may_move_and_their_weights_may_not(mixed_values):
    was = parse_config(mixed_values, 'test')
    values = config_values(was)
    values['data']['sources'][1]['sequences']['roots'] = ['elsewhere']
    values['data']['sources'][2]['pairs']['root'] = 'elsewhere'
    assert differences(was, parse_config(values, 'test')) == []
    values['data']['sources'][2]['weight'] = 4.0
    assert differences(was, parse_config(values, 'test')) == ['data.sources.rain.weight: was 1.0, is 4.0']


def test_entries_are_reached_by_name_and_one_source_replaces_all(mixed_values, tmp_path):
    path = tmp_path / 'config.yaml'
    path.write_text(json.dumps(mixed_values))
    config = load_config(path, ['data.sources.rain.weight=7', 'validation.sets.dry.count=3'])
    assert config.data.source('rain').weight == 7.0
    assert config.validation.sets[2].count == 3
    alone = load_config(path, ['data.roots=[mine]', 'data.held_out=[b*]'])
    assert [source.name for source in alone.data.sources] == ['photographs']
    assert alone.data.sources[0].photographs.held_out == ('b*',)
    assert alone.validation.sets == ()
    with pytest.raises(ConfigError, match='got fog, want one of photographs, moving, rain'):
        load_config(path, ['data.sources.fog.weight=7'])
    with pytest.raises(ConfigError, match='held_out_of fog, want one of photographs, moving, rain'):
        load_config(path, ['validation.sets.dry.held_out_of=fog'])
    with pytest.raises(ConfigError, match='the validation set dry shows rain, want no kind'):
        load_config(path, ['validation.sets.dry.held_out_of=rain'])


def test_pairs_may_be_degraded_further(mixed_values):
    mixed_values['data']['sources'] = mixed_values['data']['sources'][2:]
    as_they_are = open_feed(parse_config(mixed_values | {'validation': {}}, 'test')).source
    mixed_values['data']['sources'][0]['degradation'] = {'kinds': {'blur': 1}}
    blurred = open_feed(parse_config(mixed_values | {'validation': {}}, 'test')).source

    def detail(source):
        return np.mean(
            [np.abs(np.diff(source.sample(index)[0].astype(int), axis=1)).mean() for index in range(6)]
        )

    assert detail(blurred) < 0.8 * detail(as_they_are)
    assert blurred.sample(0)[1].shape == (64, 64, 3)
