"""The commands that look at data: the contact sheet and the loader's benchmark."""

import re

import cv2
import numpy as np
import pytest
from scenery import write_pairs

from restore_node.common.metrics import psnr
from training.commands import contact_sheet
from training.evaluation.sheet import compare, draw_sheet


@pytest.fixture
def config(run_values, write_config):
    kinds = {'clean': 1.0, 'streaks': 1.0, 'blur': 0.0}
    return write_config(degradation={'kinds': kinds}, data=run_values['data'] | {'patch_px': 64})


def test_a_sheet_shows_every_kind_that_is_trained_on(config, tmp_path, capsys):
    out = tmp_path / 'sheet.png'
    assert contact_sheet.main([config, '--out', str(out), '--columns', '2']) == 0
    shown = dict(re.findall(r'^(\w+) +([\d.]+) dB', capsys.readouterr().out, re.MULTILINE))
    assert set(shown) == {'clean', 'streaks'}
    assert float(shown['clean']) > float(shown['streaks'])
    sheet = cv2.imread(str(out))
    # Two rows of two pairs of 64 pixels, and the paper around them.
    assert sheet.shape[0] > 2 * 64
    assert sheet.shape[1] > 2 * 2 * 64
    assert list(tmp_path.glob('.*')) == []


def test_real_pictures_stand_below_those_made_here(config, tmp_path, refused):
    plain, beside = tmp_path / 'plain.png', tmp_path / 'beside.png'
    real = tmp_path / 'real'
    (real / 'sub').mkdir(parents=True)
    marked = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    for name in ('a.png', 'sub/b.jpg', 'small.png'):
        cv2.imwrite(str(real / name), marked[:40, :50] if name == 'small.png' else marked)
    assert contact_sheet.main([config, '--columns', '1', '--out', str(plain)]) == 0
    assert contact_sheet.main([config, '--columns', '1', '--out', str(beside), '--beside', str(real)]) == 0
    without, sheet = cv2.imread(str(plain)), cv2.imread(str(beside))
    assert np.array_equal(sheet[: len(without), : without.shape[1]], without)
    below = sheet[len(without) :]
    middle = marked[8:72, 18:82]
    windows = np.lib.stride_tricks.sliding_window_view(below, middle.shape)
    assert (windows == middle).all(axis=(-3, -2, -1)).any()
    (tmp_path / 'none').mkdir()
    assert 'has no images' in refused(contact_sheet.main, config, '--beside', tmp_path / 'none')


def test_the_pictures_on_a_sheet_are_the_pairs():
    rng = np.random.default_rng(0)
    degraded, sharp = rng.integers(0, 256, (2, 16, 16, 3), np.uint8)
    sheet = draw_sheet({'noise': [compare(sharp, degraded)]})
    both = np.concatenate((degraded, sharp), axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(sheet, both.shape)
    assert (windows == both).all(axis=(-3, -2, -1)).sum() == 1
    assert psnr(degraded, sharp) < 10


def test_a_model_stands_between_what_it_got_and_the_truth(config, tmp_path, capsys, refused):
    out = tmp_path / 'sheet.png'
    arguments = [config, 'validation={patches: 2}', '--columns', '1', '--out', str(out)]
    assert contact_sheet.main([*arguments, '--model', 'restore-lite']) == 0
    kinds = dict(re.findall(r'^(\w+) +([\d.]+ -> [\d.]+) dB', capsys.readouterr().out, re.MULTILINE))
    assert set(kinds) == {'clean', 'blur', 'streaks', 'drops', 'all'}
    before, after = map(float, kinds['streaks'].split(' -> '))
    assert after != before
    rows, columns = cv2.imread(str(out)).shape[:2]
    assert rows > 5 * 64
    assert columns > 3 * 64
    assert contact_sheet.main([*arguments, '--model', 'restore-lite', '--model', 'restore-lite']) == 0
    once, again = re.search(
        r'^streaks +[\d.]+ -> ([\d.]+) \| ([\d.]+) dB', capsys.readouterr().out, re.M
    ).groups()
    assert once == again == f'{after:.2f}'
    assert cv2.imread(str(out)).shape[:2] == (rows, columns + 64)
    assert 'no-such-model' in refused(contact_sheet.main, config, '--model', 'no-such-model')


def test_the_same_seed_gives_the_same_sheet_and_pairs_have_a_row(config, tmp_path):
    first, second = (tmp_path / name for name in ('first.png', 'second.png'))
    for path in (first, second):
        contact_sheet.main([config, '--out', str(path), '--columns', '1'])
    assert first.read_bytes() == second.read_bytes()
    grey = np.full((70, 70, 3), 90, np.uint8)
    write_pairs(tmp_path, dict.fromkeys('ab', (grey, grey + 40)))
    own = [f'data={{pairs: {{layout: folders, root: {tmp_path}}}, held_out: [b], crop_px: 64}}']
    assert contact_sheet.main([config, *own, '--out', str(first)]) == 0


def test_what_cannot_be_shown_is_one_line(config, tmp_path, refused):
    assert 'roots: got /nowhere' in refused(contact_sheet.main, config, 'data.roots=[/nowhere]')
    out = ['--out', tmp_path / 'no' / 'folder.png', '--columns', '1']
    assert 'cannot write' in refused(contact_sheet.main, config, *out)
