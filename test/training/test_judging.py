"""Judging models: classical baselines, sets by strength, verdicts, the page and its command."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scenery import photograph, write_pairs

from restore_node.common.errors import InputError
from restore_node.common.metrics import psnr
from training.commands import judge as command
from training.data.photographs import find_photographs
from training.degradation.ranges import DegradationConfig
from training.evaluation.systems import System
from training.judging.baselines import filters, guided_filter, median, richardson_lucy, unsharp_mask
from training.judging.page import page
from training.judging.sets import (
    STRENGTHS,
    JudgedSet,
    MadePair,
    clean_sets,
    known_blur_set,
    open_real,
    synthetic_sets,
)
from training.judging.verdict import Cost, cost_of, judge, look, machine


def contrast(image):
    return float(np.abs(np.diff(image.astype(float), axis=1)).mean())


@pytest.fixture
def photographs(photographs_root):
    return find_photographs([str(photographs_root)])


@pytest.fixture
def judged():
    rng = np.random.default_rng(0)
    sharp = photograph(size=128)
    noisy = [
        np.clip(sharp + rng.normal(0.0, sigma, sharp.shape), 0, 255).astype(np.uint8)
        for sigma in (4.0, 8.0, 16.0)
    ]
    pairs = [MadePair(str(index), image, sharp) for index, image in enumerate(noisy)]
    return JudgedSet('noise', 'noise', '', '3 photographs', pairs)


def test_richardson_lucy_undoes_a_blur_that_it_knows_and_leans_the_right_way():
    sharp = photograph(size=128)
    # Not symmetric: a kernel turned round would smear further.
    kernel = np.zeros((9, 9), np.float32)
    kernel[4, 2:7] = (0.4, 0.3, 0.15, 0.1, 0.05)
    light = (sharp / 255.0) ** 2.2
    blurred = cv2.filter2D(light, cv2.CV_64F, kernel[::-1, ::-1])
    blurred = np.rint(255.0 * blurred ** (1 / 2.2)).astype(np.uint8)
    assert psnr(richardson_lucy(blurred, kernel), sharp) > psnr(blurred, sharp) + 8.0
    flipped = np.ascontiguousarray(kernel[::-1, ::-1])
    assert psnr(richardson_lucy(blurred, flipped), sharp) < psnr(blurred, sharp)


def test_filters_do_what_they_are_for():
    sharp = photograph(size=128)
    soft = cv2.GaussianBlur(sharp, (0, 0), 1.0)
    assert contrast(unsharp_mask(soft)) > 1.2 * contrast(soft)
    speckled = sharp.copy()
    speckled[8::16, 8::16] = 255
    assert psnr(median(speckled)[60:100], sharp[60:100]) > 24.0
    edge = np.full((64, 64, 3), 60, np.uint8)
    edge[:, 32:] = 200
    noisy = np.clip(edge + np.random.default_rng(1).normal(0, 6, edge.shape), 0, 255).astype(np.uint8)
    smooth = guided_filter(noisy)
    assert psnr(smooth, edge) > psnr(noisy, edge) + 6.0
    assert smooth[:, 40].mean() - smooth[:, 24].mean() > 135
    assert {system.name for system in filters()} == {'unsharp mask', 'median 3x3', 'guided filter'}
    for system in filters():
        assert system.restore('', sharp).shape == sharp.shape


def test_sets_are_as_strong_as_they_say_and_the_same_every_time(photographs):
    made = list(synthetic_sets(photographs, DegradationConfig(), 1, 5))
    assert {judged.title for judged in made} == {'blur', 'streaks', 'drops', 'all'}
    for judged in made:
        low, high = STRENGTHS[judged.level]
        for pair in judged.pairs:
            degraded, sharp = pair.read()
            assert degraded.shape == sharp.shape
            assert low <= psnr(degraded, sharp) < high
    again = next(synthetic_sets(photographs, DegradationConfig(), 1, 5))
    assert np.array_equal(again.pairs[0].read()[0], made[0].pairs[0].read()[0])


def test_who_knows_the_blur_restores_more_than_who_does_not(photographs):
    known = known_blur_set(photographs, 2, 1)
    verdicts = judge(known, filters())
    told = verdicts['Richardson-Lucy, blur known']
    assert told.gain_db > 2.0
    assert told.gain_db > max(verdicts[system.name].gain_db for system in filters()) + 2.0
    assert told.made_worse == 0.0


def test_clean_frames_are_their_own_truth(photographs):
    untouched = System('none', lambda _name, degraded: degraded)
    clean, foggy = clean_sets(photographs, 2, 1)
    for judged in (clean, foggy):
        verdict = judge(judged, [untouched])['none']
        assert verdict.psnr_restored_db == verdict.lowest_db == 60.0
    for dry, dull in zip(clean.pairs, foggy.pairs, strict=True):
        assert dull.sharp.std() < 0.8 * dry.sharp.std()


def test_a_verdict_counts_harm_and_orders_from_worst_to_best(judged):
    smooth = System('smooth', lambda _name, degraded: cv2.GaussianBlur(degraded, (0, 0), 1.0))
    verdict = judge(judged, [smooth])['smooth']
    gains = [
        psnr(smooth.restore('', pair.degraded), pair.sharp) - psnr(pair.degraded, pair.sharp)
        for pair in judged.pairs
    ]
    assert verdict.images == 3
    assert verdict.made_worse == pytest.approx(np.mean(np.array(gains) < -0.1))
    assert 0.0 < verdict.made_worse < 1.0
    assert verdict.order == tuple(np.argsort(gains))
    assert verdict.gain_db == pytest.approx(np.mean(gains), abs=1e-6)
    sheet = look(judged, smooth, verdict)
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] > 3 * 128


def test_real_pairs_are_found_by_folder_and_by_layout(tmp_path):
    pairs = dict.fromkeys(range(4), (photograph(size=64), photograph(size=64)))
    write_pairs(tmp_path / 'mine', pairs, sharp='truth')
    found = open_real(str(tmp_path / 'mine'), None)
    assert (found.name, found.real, len(found.pairs)) == ('mine', True, 4)
    assert open_real(str(tmp_path / 'mine'), 2).data.startswith('2 of 4 pairs')
    assert len(open_real(f'folders={tmp_path / "mine"}', None).pairs) == 4
    with pytest.raises(InputError, match='--data'):
        open_real(f'nothing={tmp_path}', None)


def test_the_page_states_what_was_measured(judged):
    smooth = System('smooth', lambda _name, degraded: cv2.GaussianBlur(degraded, (0, 0), 1.0))
    verdicts = judge(judged, [smooth, *filters()])
    costs = {'smooth': Cost(20.0, 50.0)} | {system.name: Cost(None, 1.0) for system in filters()}
    entries = [
        (replace(judged, title='street', real=True), verdicts),
        (replace(judged, level='light'), verdicts),
        (replace(judged, level='heavy'), verdicts),
        (replace(judged, title='Dry', clean=True), verdicts),
    ]
    text = page(entries, costs, ['smooth'], 'python -m x', 'a machine')
    gain = verdicts['smooth'].gain_db
    assert f'| {gain:+.2f} |' in text
    assert f'| {10 * gain / 20:+.2f} | {10 * gain / 50:+.2f} |' in text
    for stated in ('RGB 0..255', 'Gaussian', 'not aligned', '3 photographs', 'a machine', 'python -m x'):
        assert stated in text
    assert '\n## Dry\n' in text
    # Two strengths share one table; a real set stands apart.
    assert text.count('### noise') == 1
    assert text.index('## Real') < text.index('### street') < text.index('## Synthetic')
    tables = [line for line in text.splitlines() if line.startswith('|')]
    assert len({line.count('|') for line in tables if '**smooth**' in line}) > 1


def test_costs_are_measured_and_the_machine_is_named():
    cost = cost_of(System('none', lambda _name, degraded: degraded))
    assert cost.kmacs_per_pixel is None
    assert cost.milliseconds >= 0.0
    assert 'cores' in machine()


def test_one_command_writes_the_page_and_the_strips(tmp_path, capsys):
    sharp = photograph(size=64)
    write_pairs(tmp_path / 'mine', {0: (cv2.blur(sharp, (5, 1)), sharp)}, sharp='truth')
    out, strips = tmp_path / 'models.md', tmp_path / 'strips'
    arguments = ['--data', str(tmp_path / 'mine'), '--model', 'restore-lite', '--out', str(out)]
    assert command.main([*arguments, '--strips', str(strips)]) == 0
    text = out.read_text()
    assert '### mine' in text
    assert '**restore-lite' in text
    assert [path.name for path in strips.iterdir()] == ['mine_restore-lite.png']
    # A folder that is there is not written over.
    assert command.main([*arguments, '--strips', str(strips)]) == 2
    assert 'strips' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main([])
