"""Transfer and ablations: their arithmetic on curves and figures made by hand, and the whole way in small."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from restore_node.common.errors import ConfigError
from training.commands import ablations, transfer
from training.config.run import load_config
from training.evaluation.quality import Quality
from training.experiments.catalogue import choose, full_ablations, small_ablations
from training.experiments.comparison import NOT_FOUND, ONE_SEED, compare, verdict
from training.experiments.curves import Curve, read_curve, share_saved
from training.experiments.plans import Planner
from training.experiments.runs import Run, train_all
from training.experiments.transfer_report import SeedResult, draw, summarise, tables
from training.runs import checkpoint
from training.runs.errors import TrainingError
from training.runs.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
DERAIN = ROOT / 'config' / 'experiments' / 'derain.yaml'
TINY = [
    'network_options={widths: [4, 4, 8], blocks: 1, dropout: 0.0}',
    'data.patch_px=64',
    'data.pool=8',
    'schedule.batch=1',
    'validation.steps=2',
    'validation.patches=2',
]


@pytest.fixture
def overrides(photographs_root):
    return [f'data.roots=[{photographs_root}]', *TINY]


# From 20 dB to 24 in 1,000 steps, and to 25 in another 1,000; the other is there in half of the time.
SLOW = Curve((0, 1000, 2000), (20.0, 24.0, 25.0))
FAST = Curve((0, 500, 1000, 2000), (20.0, 24.0, 25.0, 25.4))


def quality(psnr_db, ssim=0.8):
    return Quality(4, 20.0, psnr_db, 0.7, ssim)


def test_steps_to_a_level_lie_on_the_line_between_two_measurements():
    assert SLOW.steps_to(22.0) == 500.0
    assert SLOW.steps_to(24.25) == 1250.0
    assert SLOW.steps_to(19.0) == 0.0
    assert SLOW.steps_to(25.1) is None
    # The first time counts, not the last.
    assert Curve((0, 10, 20, 30), (20.0, 22.0, 21.0, 23.0)).steps_to(22.0) == 10.0


def test_the_share_of_steps_saved_at_equal_quality():
    assert share_saved(SLOW, FAST, 22.0) == pytest.approx(0.5)
    assert share_saved(SLOW, FAST, 25.0) == pytest.approx(0.5)
    assert share_saved(SLOW, FAST, 25.0, spent_before=1500) == pytest.approx(-0.25)
    assert share_saved(FAST, SLOW, 24.0) == pytest.approx(-1.0)
    assert share_saved(FAST, SLOW, 25.4) is None
    assert [SLOW.level(share) for share in (0.0, 0.5, 1.0)] == [20.0, 22.5, 25.0]


def test_a_curve_is_what_a_run_recorded_of_one_kind(tmp_path):
    seen = [{'streaks': asdict(quality(psnr_db)), 'blur': asdict(quality(1.0))} for psnr_db in (23.5, 24.0)]
    lines = [
        {'step': 10, 'loss': 1.0},
        {'step': 10, 'quality': seen[0]},
        {'step': 20, 'quality': seen[1]},
        # A run measures once more when it ends.
        {'step': 20, 'quality': seen[1]},
    ]
    (tmp_path / 'metrics.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert read_curve(RunFolder(tmp_path), 'streaks', 22.0) == Curve((0, 10, 20), (22.0, 23.5, 24.0))


def seed_result(seed):
    curves = {'scratch': SLOW, 'transfer': FAST, 'short_scratch': SLOW, 'short_transfer': FAST}
    return SeedResult(
        seed, 1500, curves, {name: quality(curve.psnr_db[-1]) for name, curve in curves.items()}
    )


def test_transfer_is_reported_as_tables_figures_and_a_plot(tmp_path):
    config = load_config(DERAIN)
    saved, finals = tables([seed_result(1), seed_result(2)], config)
    assert saved.rows[-1] == (
        '100%',
        '25.00 (25.00 to 25.00)',
        '2000 (2000 to 2000)',
        '1000 (1000 to 1000)',
        '50% (50% to 50%)',
        '2500 (2500 to 2500)',
    )
    assert finals.rows[0][2] == '20.00 / 0.700'
    assert finals.rows[2][:3] == ('from deblurring', '2000', '25.40 / 0.800')
    figures = json.loads(json.dumps(summarise([seed_result(1)], config)))
    assert [level['saved'] for level in figures['seeds'][0]['levels']] == pytest.approx([0.5] * 5)
    draw([seed_result(1), seed_result(2)], config, tmp_path / 'plot')
    height, width, _ = cv2.imread(str(tmp_path / 'plot')).shape
    assert (height, width) > (300, 500)


def test_a_difference_must_be_larger_than_its_spread():
    assert verdict([0.3, 0.4]) == 'better'
    assert verdict([-0.3, -0.4, -0.35]) == 'worse'
    assert verdict([0.1, 0.4]) == NOT_FOUND
    assert verdict([0.3, -0.3]) == NOT_FOUND
    assert verdict([0.04, 0.04]) == NOT_FOUND
    assert verdict([3.0]) == ONE_SEED
    assert verdict([]) == '-'


def test_variants_are_compared_seed_by_seed_and_test_by_test():
    measured = {
        ('first', 'light'): {1: quality(25.0), 2: quality(26.0)},
        ('other', 'light'): {1: quality(25.5, 0.9), 2: quality(26.7, 0.9)},
        ('first', 'heavy'): {1: quality(15.0), 2: quality(15.0)},
        ('other', 'heavy'): {1: quality(14.0), 2: quality(14.0)},
    }
    first, other, _, heavy = compare(measured, {'first': 10, 'other': 20})
    assert (first.psnr_db, first.difference_db, first.spread_db) == (25.5, None, None)
    assert other.differences_db == pytest.approx((0.5, 0.7))
    assert (other.psnr_db, other.ssim, other.steps) == (pytest.approx(26.1), pytest.approx(0.9), 20)
    assert other.spread_db == pytest.approx(0.2)
    assert heavy.difference_db == pytest.approx(-1.0)


@pytest.mark.parametrize('plan', [small_ablations, full_ablations])
def test_every_ablation_has_runs_in_an_order_that_can_be_trained(plan, tmp_path):
    planner = Planner(tmp_path, [], Path('/data') if plan is full_ablations else None)
    chains = planner.chains(plan(), [1, 2])
    names = [run.name for chain in chains for run in chain]
    assert len(set(names)) == len(names)
    for chain in chains:
        for index, run in enumerate(chain):
            starts = run.config.start_from
            assert starts is None or starts in {str(other.folder.checkpoint) for other in chain[:index]}
            assert run.config.seed == int(run.name[-1])
    for ablation in plan():
        for test in ablation.tests:
            assert (
                planner.test_set(test).endswith(tuple('LH0e'))
                if test.data
                else len(planner.test_config(test).validation.kinds) == 1
            )


def test_full_ablations_read_the_sets_where_the_user_has_them(tmp_path, capsys):
    asked = ['--full', '--data', '/sets', '--only', 'rain', '--commands', '--out', str(tmp_path)]
    assert ablations.main(asked) == 0
    commands = capsys.readouterr().out.splitlines()
    assert [line.split()[-1].rpartition('/')[2] for line in commands] == [
        'gopro-1',
        'rain800-1',
        'rain100l-1',
        'rain100h-1',
    ]
    tuned = load_config(tmp_path / 'runs' / 'rain100h-1.yaml')
    assert tuned.data.sources[0].pairs.root == '/sets/Rain100H'
    assert tuned.start_from == str(tmp_path / 'runs' / 'rain800-1' / 'checkpoint.pt')


def test_wrong_questions_are_answered_in_one_line(refused):
    with pytest.raises(ConfigError, match='nonesuch'):
        choose(small_ablations(), ['nonesuch'])
    assert '--full and --data' in refused(ablations.main, '--full')
    assert 'unknown key' in refused(transfer.main, 'schedule.speed=3')


def test_nothing_is_trained_where_one_of_the_ablations_cannot_be(overrides, tmp_path, refused):
    asked = [*overrides, 'schedule.steps=1', '--only', 'activation', 'stages', '--out', str(tmp_path)]
    assert 'schedule: want either steps or stages' in refused(ablations.main, *asked)
    assert not list(tmp_path.iterdir())


def test_a_run_is_made_once_and_not_mixed_with_another(overrides, tmp_path):
    run = Run('derain-1', load_config(DERAIN, [*overrides, 'schedule.steps=2']), tmp_path / 'runs')
    finished = []
    # As one leaves it that is killed at once.
    run.folder.path.mkdir(parents=True)
    train_all([[run]], 1, finished.append)
    assert (run.steps_done(), finished) == (2, [run])
    written = run.folder.checkpoint.stat().st_mtime_ns
    train_all([[run]], 1, finished.append)
    assert run.folder.checkpoint.stat().st_mtime_ns == written
    other = Run('derain-1', load_config(DERAIN, [*overrides, 'schedule.steps=3']), tmp_path / 'runs')
    with pytest.raises(ConfigError, match='--out'):
        train_all([[other]], 1, finished.append)


def test_a_run_that_fails_says_why_and_is_the_last(overrides, tmp_path, monkeypatch):
    nowhere = [*overrides, 'data.roots=[/nowhere]', 'schedule.steps=2']
    run = Run('derain-1', load_config(DERAIN, nowhere), tmp_path / 'runs')
    # Up to the first line that it says, without PyTorch's three seconds.
    monkeypatch.setattr(Run, 'command', lambda self: [sys.executable, '-c', 'raise SystemExit("error: no")'])
    other = Run('derain-2', run.config, tmp_path / 'runs')
    with pytest.raises(TrainingError, match=r'derain-1 did not finish.*no.*derain-1\.log'):
        train_all([[run], [other]], 1, lambda run: None)
    assert not (tmp_path / 'runs' / 'derain-2.log').exists()


@pytest.mark.slow
def test_transfer_from_photographs_to_a_plot_and_on_where_it_was_stopped(overrides, tmp_path):
    asked = [*overrides, 'schedule.steps=10', '--seeds', '1', '--out', str(tmp_path)]
    assert transfer.main(asked) == 0
    figures = json.loads((tmp_path / 'transfer.json').read_text())
    (seed,) = figures['seeds']
    assert seed['scratch']['steps'] == [0, 2, 4, 6, 8, 10]
    assert seed['short_transfer']['steps'] == [0, 2]
    assert cv2.imread(str(tmp_path / 'transfer.png')) is not None
    assert 'from deblurring' in (tmp_path / 'summary.md').read_text()

    stopped = tmp_path / 'runs' / 'scratch-1' / 'checkpoint.pt'
    checkpoint.save(replace(checkpoint.load(stopped), step=5), stopped)
    (tmp_path / 'transfer.json').unlink()
    assert transfer.main(asked) == 0
    assert checkpoint.load(stopped).step == 10
    assert json.loads((tmp_path / 'transfer.json').read_text())['seeds'][0]['scratch']['steps'][-1] == 10


def rainy_pairs(folder):
    """A configuration of deraining on pairs, as that of a published set."""
    (folder / 'sharp').mkdir(parents=True)
    (folder / 'degraded').mkdir()
    draw_pixels = np.random.default_rng(1)
    for index in range(4):
        sharp = draw_pixels.integers(0, 200, (96, 128, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / 'sharp' / f'{index}.png'), sharp)
        cv2.imwrite(str(folder / 'degraded' / f'{index}.png'), sharp + 40)
    pairs = {'layout': 'folders', 'root': str(folder), 'held_out': ['3']}
    keys = ('network', 'network_options', 'schedule', 'checkpoint', 'validation')
    small = yaml.safe_load(DERAIN.read_text())
    values = {key: small[key] for key in keys} | {'name': 'rainy', 'task': 'derain'}
    path = folder / 'rainy.yaml'
    path.write_text(yaml.safe_dump(values | {'data': {'crop_px': 64, 'pairs': pairs}}))
    return path


def test_transfer_on_a_real_set_begins_with_a_generator_that_deblurs(tmp_path):
    config = rainy_pairs(tmp_path / 'pairs')
    deblurred = tmp_path / 'deblurred.pt'
    runs = transfer.runs_of(['schedule.steps=10'], 1, tmp_path / 'runs', config, deblurred)
    assert list(runs) == ['scratch', 'transfer', 'short_scratch', 'short_transfer']
    assert runs['scratch'].config.start_from is None
    assert runs['short_transfer'].config.start_from == str(deblurred)
    assert runs['short_transfer'].config.schedule.steps == 2
    assert runs['transfer'].config.data.sources[0].pairs.root == str(tmp_path / 'pairs')


@pytest.mark.slow
def test_transfer_on_a_real_set_from_pairs_to_a_plot(tmp_path, overrides):
    deblur = Run('deblur', load_config(DERAIN, [*overrides, 'schedule.steps=2']), tmp_path / 'before')
    train_all([[deblur]], 1, lambda run: None)
    asked = ['--derain', str(rainy_pairs(tmp_path / 'pairs')), '--deblurred', str(deblur.folder.checkpoint)]
    asked += [
        'validation.patches=1',
        'validation.steps=2',
        'schedule={batch: 1, steps: 5, learning_rate: 1e-3}',
    ]
    assert transfer.main([*asked, TINY[0], '--seeds', '1', '--out', str(tmp_path / 'out')]) == 0
    (seed,) = json.loads((tmp_path / 'out' / 'transfer.json').read_text())['seeds']
    assert seed['pretraining_steps'] == 2
    assert seed['transfer']['steps'][-1] == 5
    assert not (tmp_path / 'out' / 'runs' / 'deblur-1').exists()
    assert 'pairs held out' in (tmp_path / 'out' / 'summary.md').read_text()


@pytest.mark.slow
def test_an_ablation_from_photographs_to_a_table(photographs_root, tmp_path):
    few = [f'data.roots=[{photographs_root}]', 'data.pool=8', 'schedule.steps=2', 'validation.patches=2']
    assert ablations.main([*few, '--only', 'rain', '--seeds', '1', '--out', str(tmp_path)]) == 0
    rain = json.loads((tmp_path / 'rain.json').read_text())
    assert len(rain['rows']) == 6
    assert {row['verdict'] for row in rain['rows']} == {'-', ONE_SEED}
    assert (tmp_path / 'rain.md').read_text().count('| tuned to heavy rain |') == 2
