"""Pairs are trained on or held out by scene."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from restore_node.engine.cache import cache_folder
from restore_node.engine.private_files import make_private_folder
from training.config.data import PairsConfig
from training.data import scenes
from training.data.layouts.registry import find_pairs, open_pairs


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Rain800 in small: ten scenes under two rains each, side by side, as JPEG."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    folder = tmp_path / 'set' / 'training'
    folder.mkdir(parents=True)
    for number in range(20):
        noise = np.random.default_rng(number % 10).integers(0, 200, (8, 10, 3), np.uint8)
        sharp = cv2.resize(noise, (100, 80), interpolation=cv2.INTER_CUBIC)
        rain = np.random.default_rng(100 + number).integers(0, 50, sharp.shape, np.uint8)
        cv2.imwrite(str(folder / f'{number:02d}.jpg'), np.concatenate([sharp, sharp + rain], axis=1))
    return tmp_path / 'set'


def test_one_scene_under_two_rains_is_one_scene(root):
    pairs = find_pairs(PairsConfig('rain800', str(root)), 'train')
    assert scenes.scenes_of(pairs, root) == [*range(10), *range(10)]


def test_scenes_are_held_out_whole_and_the_same_ones_every_time(root):
    config = PairsConfig('rain800', str(root), held_out_scenes=0.3)
    kept, apart = open_pairs(config)
    assert (len(kept), len(apart)) == (14, 6)
    held = {int(pair.name) % 10 for pair in apart}
    assert len(held) == 3
    assert not held & {int(pair.name) % 10 for pair in kept}
    assert [pair.name for pair in open_pairs(config)[1]] == [pair.name for pair in apart]


def test_a_set_is_looked_at_once_until_it_changes(root, monkeypatch):
    pairs = find_pairs(PairsConfig('rain800', str(root)), 'train')
    first = scenes.scenes_of(pairs, root)
    looks = []
    look = scenes._look
    monkeypatch.setattr(scenes, '_look', lambda image: looks.append(1) or look(image))
    assert scenes.scenes_of(pairs, root) == first
    assert not looks
    (root / 'training' / '19.jpg').write_bytes((root / 'training' / '18.jpg').read_bytes())
    assert scenes.scenes_of(pairs, root)[19] == 8
    assert looks


def test_a_user_without_a_home_looks_every_time(root, monkeypatch):
    def homeless():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setattr(Path, 'home', homeless)
    pairs = find_pairs(PairsConfig('rain800', str(root)), 'train')
    assert scenes.scenes_of(pairs, root) == scenes.scenes_of(pairs, root) == [*range(10), *range(10)]


def test_what_is_alike_through_others_is_one_scene():
    angles = np.radians([0.0, 10.0, 20.0, 90.0])
    looks = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert scenes.group(looks) == [0, 0, 0, 3]


def test_what_is_remembered_leaves_the_nodes_folder_alone(root):
    """The node refuses a folder for engines that it did not make private itself."""
    pairs = find_pairs(PairsConfig('rain800', str(root)), 'train')
    scenes.scenes_of(pairs, root)
    make_private_folder(cache_folder())
