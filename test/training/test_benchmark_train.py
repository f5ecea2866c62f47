"""What a training step costs: that parts add up, and that memory does not."""

import json

import pytest
import torch

from training.commands import benchmark
from training.loop.step_timing import PARTS, StepTimes, memory_bytes, peak_flops


def measure(photographs_root, out, steps):
    asked = ['--network', 'lite-small', '--batch', '2', '--crop', '64', '--steps', str(steps)]
    where = ['--data', str(photographs_root), '--device', 'cpu', '--json', str(out)]
    assert benchmark.main([*asked, *where]) == 0
    return json.loads(out.read_text())


def test_parts_of_a_step_make_up_the_step(photographs_root, tmp_path, capsys):
    found = measure(photographs_root, tmp_path / 'found.json', steps=5)
    assert found['steps'] == 5
    assert sum(found['share'].values()) == pytest.approx(1.0, abs=1e-6)
    for times in found['step_ms'].values():
        assert 0.0 < times['p50'] <= times['p95'] <= times['p99']
    assert found['flops_per_step'] == 6 * found['macs_per_pixel'] * 2 * 64 * 64
    seconds = found['step_ms']['step']['p50'] / 1e3
    assert found['patches_per_s'] == pytest.approx(2 / seconds)
    in_passes = sum(found['step_ms'][part]['p50'] for part in ('forward', 'backward')) / 1e3
    for share, taken in (('share_of_peak', seconds), ('share_of_peak_in_passes', in_passes)):
        assert found[share] == pytest.approx(found['flops_per_step'] / taken / found['peak_flops_per_s'])
    assert 'patches/s' in capsys.readouterr().out


def test_shares_and_tails_by_hand():
    times = StepTimes()
    for part, seconds in zip(PARTS, (1.0, 2.0, 4.0, 1.0), strict=True):
        times.seconds[part] = [seconds] * 10
    times.seconds['step'] = [8.0] * 9 + [18.0]
    assert times.share('backward') == pytest.approx(40.0 / 90.0)
    assert times.percentiles_ms('step')['p50'] == 8000.0
    assert 8000.0 < times.percentiles_ms('step')['p99'] < 18000.0


def test_the_peak_of_a_device_is_not_that_of_a_toaster():
    assert 1e9 < peak_flops(torch.device('cpu'), '32-true') < 1e14


def test_memory_is_that_of_this_process():
    before = memory_bytes(torch.device('cpu'))
    # Large, for other memory of the process comes and goes meanwhile.
    kept = torch.ones(256, 2**20, dtype=torch.uint8)
    assert memory_bytes(torch.device('cpu')) - before > 0.9 * kept.numel()


def test_an_impossible_run_is_one_line(photographs_root, refused):
    assert 'crop_px' in refused(benchmark.main, '--data', photographs_root, '--crop', '100')
    assert 'nonesuch' in refused(benchmark.main, '--data', photographs_root, '--network', 'nonesuch')


@pytest.mark.parametrize('steps', ['0', '-3'])
def test_no_steps_are_refused(capsys, steps):
    with pytest.raises(SystemExit, match='2'):
        benchmark.main(['--steps', steps])
    assert f'--steps: got {steps}, want 1 or more' in capsys.readouterr().err


@pytest.mark.slow
def test_memory_stays_flat_over_a_thousand_steps(photographs_root, tmp_path):
    memory = measure(photographs_root, tmp_path / 'found.json', steps=1000)['memory_bytes']
    # A leak of one batch a step would be 50 MB, one of activations gigabytes.
    assert memory['after'] - memory['before'] < 16 * 2**20
