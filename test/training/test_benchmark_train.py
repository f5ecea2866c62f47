"""What a training step costs: that parts add up, and that memory does not."""

import json
import re
from pathlib import Path

import pytest
import torch

from training.commands import benchmark
from training.config.run import parse_config
from training.loop.step_timing import memory_bytes, peak_flops

CONFIG = str(Path(__file__).parents[2] / 'config' / 'experiments' / 'benchmark.yaml')


def measure(photographs_root, out, steps):
    asked = ['network=lite-small', 'schedule.batch=2', 'data.crop_px=64', '--steps', str(steps)]
    where = [f'data.roots=[{photographs_root}]', 'accelerator=cpu', '--json', str(out)]
    assert benchmark.main([CONFIG, *asked, *where, '--loader', '0', '--seconds', '0.1']) == 0
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
    printed = capsys.readouterr().out
    assert 'patches/s' in printed
    made, ratio, consumed = re.findall(
        r'loader with 0 workers: (\d+) patches/s, ([\d.]+) of the (\d+) that the model', printed
    )[0]
    assert found['patches_loaded_per_s']['0'] == pytest.approx(int(made), abs=1)
    assert float(ratio) == pytest.approx(int(made) / int(consumed), rel=0.1, abs=0.02)
    assert found['patches_consumed_per_s'] > found['patches_per_s']


def test_the_peak_of_a_device_is_not_that_of_a_toaster():
    assert 1e9 < peak_flops(torch.device('cpu'), '32-true') < 1e14


def test_memory_is_that_of_this_process():
    before = memory_bytes(torch.device('cpu'))
    # Large, for other memory of the process comes and goes meanwhile.
    kept = torch.ones(256, 2**20, dtype=torch.uint8)
    assert memory_bytes(torch.device('cpu')) - before > 0.9 * kept.numel()


def test_an_impossible_run_is_one_line(photographs_root, refused):
    data = f'data.roots=[{photographs_root}]'
    assert 'crop_px' in refused(benchmark.main, CONFIG, data, 'data.crop_px=100')
    assert 'nonesuch' in refused(benchmark.main, CONFIG, data, 'network=nonesuch')


def test_one_process_has_its_share_of_the_batch(run_values):
    config = parse_config(run_values | {'cpu_processes': 2}, 'test')
    alone = benchmark.one_process(config)
    assert (alone.cpu_processes, alone.schedule.batch, alone.data.pool) == (1, 1, 1)


@pytest.mark.parametrize('seconds', ['0', '-1', 'nan', 'inf'])
def test_a_measurement_takes_time(capsys, seconds):
    with pytest.raises(SystemExit, match='2'):
        benchmark.main([CONFIG, '--seconds', seconds])
    assert '--seconds: got' in capsys.readouterr().err


@pytest.mark.parametrize('steps', ['0', '-3'])
def test_no_steps_are_refused(capsys, steps):
    with pytest.raises(SystemExit, match='2'):
        benchmark.main([CONFIG, '--steps', steps])
    assert f'--steps: got {steps}, want 1 or more' in capsys.readouterr().err


@pytest.mark.slow
def test_memory_stays_flat_over_a_thousand_steps(photographs_root, tmp_path):
    memory = measure(photographs_root, tmp_path / 'found.json', steps=1000)['memory_bytes']
    # A leak of one batch a step would be 50 MB, one of activations gigabytes.
    assert memory['after'] - memory['before'] < 16 * 2**20
