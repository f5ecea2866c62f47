"""A run knows its images by content."""

import logging
import shutil

import cv2
import numpy as np
import pytest
from scenery import write_video

from training.commands.train import main
from training.data.contents import changes, digest_of, listing, overlaps
from training.data.layouts.named_pairs import FilePair
from training.data.photographs import find_photographs
from training.data.stored import Extent
from training.runs import checkpoint


@pytest.fixture
def begun(run_values, write_config, photographs_root, tmp_path):
    """A run on photographs that may be changed: its configuration, its folder, and theirs."""
    photographs = tmp_path / 'photographs'
    shutil.copytree(photographs_root, photographs)
    data = run_values['data'] | {'roots': [str(photographs)]}
    path = write_config(schedule={'batch': 2, 'steps': 1}, data=data)
    assert main([path, '--folder', str(tmp_path / 'run')]) == 0
    return [path, '--folder', str(tmp_path / 'run'), '--resume'], tmp_path / 'run', photographs


def test_a_run_goes_on_with_its_own_images_only(begun, refused):
    arguments, run, photographs = begun
    shutil.copy(photographs / 'chelsea.png', photographs / 'new.png')
    (photographs / 'astronaut.png').rename(photographs / 'man.png')
    cv2.imwrite(str(photographs / 'chelsea.png'), np.zeros((300, 300, 3), np.uint8))
    before = (run / 'data.txt').read_text()
    seen = refused(main, *arguments)
    assert '1 gone, first photographs train astronaut.png; 2 new, first photographs train man.png' in seen
    assert '1 changed, first photographs train chelsea.png' in seen
    assert '--accept-images' in seen
    assert (run / 'data.txt').read_text() == before

    assert main([*arguments, '--accept-images', 'schedule.steps=2']) == 0
    assert (run / 'data_until_step_1.txt').read_text() == before
    made = checkpoint.load(run / 'checkpoint.pt').provenance
    assert made['earlier_images'] == [
        {'images_sha256': digest_of(before.splitlines()), 'until_step': 1},
    ]
    assert made['images_sha256'] == digest_of((run / 'data.txt').read_text().splitlines())


def test_a_run_without_a_checkpoint_is_held_to_its_list_as_well(begun, refused):
    arguments, run, photographs = begun
    (run / 'checkpoint.pt').unlink()
    (photographs / 'astronaut.png').unlink()
    assert '1 gone' in refused(main, *arguments)


def test_images_may_lie_elsewhere(begun, tmp_path):
    arguments, _, photographs = begun
    photographs.rename(tmp_path / 'moved')
    moved = ['data.roots=[' + str(tmp_path / 'moved') + ']', 'data.held_out=[coffee*]']
    sets = "data.sets=[{name: scikit-image, files: '*', terms: public domain}]"
    assert main([*arguments, *moved, sets, 'schedule.steps=2']) == 0


def test_an_image_that_is_trained_on_and_held_out_is_named(begun, tmp_path, caplog):
    arguments, _, photographs = begun
    shutil.copy(photographs / 'coffee.png', photographs / 'tea.png')
    caplog.set_level(logging.WARNING, logger='training')
    assert main([arguments[0], '--folder', str(tmp_path / 'other')]) == 0
    named = '1 images are trained on and measured on as well: photographs/tea.png = photographs/coffee.png'
    assert named in caplog.text


def test_one_photograph_is_the_same_in_a_folder_and_in_a_tar(tmp_path):
    class Part:
        name = 'a.png'

        def __init__(self, *extents):
            self.extents = extents

    content = np.random.default_rng(0).bytes(200_000)
    (tmp_path / 'a.png').write_bytes(content)
    (tmp_path / 'b.tar').write_bytes(b'head' + content + b'tail')
    alone = listing('x', 'train', [Part(Extent(tmp_path / 'a.png'))])
    inside = listing('x', 'train', [Part(Extent(tmp_path / 'b.tar', 4, len(content)))])
    assert alone == inside
    assert changes(alone, inside) == ''
    other = listing('x', 'train', [Part(Extent(tmp_path / 'b.tar', 5, len(content)))])
    assert changes(alone, other) == '1 changed, first x train a.png'


def test_half_a_pair_that_is_trained_on_is_found(tmp_path):
    for name in ('photograph', 'sharp', 'degraded', 'other'):
        (tmp_path / name).write_bytes(np.random.default_rng(len(name)).bytes(9))
    shutil.copy(tmp_path / 'photograph', tmp_path / 'sharp')
    pairs = [FilePair('wet/1', tmp_path / 'degraded', tmp_path / 'sharp')]
    trained = {'streets': [FilePair('a', tmp_path / 'photograph', tmp_path / 'other')]}
    assert overlaps(trained, {'validation/real': pairs}) == ['streets/a = validation/real/wet/1']
    assert overlaps(trained, {'validation/real': []}) == []


def test_frames_of_a_video_are_told_apart(tmp_path):
    path = write_video(tmp_path / 'drive.avi', [np.zeros((48, 64, 3), np.uint8)] * 3)
    lines = listing('x', 'train', find_photographs([str(path)]))
    assert len({line.rpartition('\t')[2] for line in lines}) == 3
