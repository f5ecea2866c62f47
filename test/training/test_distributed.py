"""Several processes train one network: with equal weights, and those of one process with the whole batch."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from lightning_fabric import Fabric
from workbench import trained

from training.commands.train import main
from training.config.run import parse_config
from training.loop.trainer import Trainer, seed_torch
from training.runs import checkpoint
from training.runs.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]

GAMES = {
    'content': ({'charbonnier': 1.0}, 64, 2),
    'clip': ({'adversarial': {'constraint': 'clip', 'critic_steps': 1, 'clip_limit': 0.05}}, 256, 2),
    'penalty': ({'adversarial': {'constraint': 'penalty', 'critic_steps': 2}}, 256, 1),
}
"""What is trained, on crops of which size, for how many steps."""


def flat(values):
    return torch.cat([weights.flatten() for weights in values.values()])


def gradients(player):
    """Adam's mean of the gradients."""
    return flat({index: state['exp_avg'] for index, state in player[1][0]['state'].items()})


def game(run_values, name):
    loss, crop, steps = GAMES[name]
    return run_values | {
        'network': 'paper',
        # Dropout draws differ between processes, on purpose.
        'network_options': {'widths': [4, 4, 8], 'blocks': 1, 'dropout': 0.0},
        'data': run_values['data'] | {'crop_px': crop, 'patch_px': 256},
        'loss': loss,
        'schedule': {'batch': 2, 'warmup_steps': 0, 'clip_norm': 0.1, 'steps': steps},
    }


def train_share(fabric, values, folder):
    """What each process does: train on its share, and leave its weights in the folder."""
    torch.set_num_threads(1)
    for name in GAMES:
        config = parse_config(values[name], name)
        trainer = Trainer(fabric, config, {}, RunFolder(folder))
        # The penalty is probed at random points: with one share and one seed for all, they are the same ones.
        alike = name == 'penalty'

        def shares(step, crop=config.data.crop_px, alike=alike):
            while True:
                draw = torch.Generator().manual_seed(step)
                sharp = torch.randint(40, 200, (2, 3, crop, crop), dtype=torch.uint8, generator=draw)
                share = sharp[:1] if alike else sharp.chunk(fabric.world_size)[fabric.global_rank]
                yield share + 30, share
                step += 1

        with patch('training.loop.trainer.seed_torch', lambda *position: seed_torch(*position[:3])):
            trainer.fit(shares)
        checkpoint.save(trainer.checkpoint(), folder / f'{name}_{fabric.world_size}_{fabric.global_rank}.pt')


def test_two_processes_hold_the_weights_of_one(run_values, tmp_path):
    values = {name: game(run_values, name) for name in GAMES}
    train_share(Fabric(accelerator='cpu', devices=1), values, tmp_path)
    pair = Fabric(accelerator='cpu', devices=2, strategy='ddp_spawn')
    pair.launch(partial(train_share, values=values, folder=tmp_path))
    for name in GAMES:
        alone, first, second = (
            checkpoint.load(tmp_path / f'{name}_{run}.pt') for run in ('1_0', '2_0', '2_1')
        )
        assert torch.equal(flat(first.average), flat(second.average))
        for player in ('generator', 'critic') if first.critic else ('generator',):
            one, other, whole = (flat(getattr(run, player)[0]) for run in (first, second, alone))
            assert torch.equal(one, other), f'the two processes have two {player}s for {name}'
            assert (one - whole).abs().max() < 2e-3
            # What gradient Adam saw: its steps have one length, whatever becomes of a gradient on the way.
            shared, direct = (gradients(getattr(run, player)) for run in (first, alone))
            assert (shared - direct).norm() < 0.02 * direct.norm(), f'{player} for {name}'


def test_a_run_of_two_processes_ends_like_one_of_one(run_values, tmp_path):
    one, two = (
        trained(run_values | {'cpu_processes': processes}, tmp_path / str(processes)) for processes in (1, 2)
    )
    assert two.step == one.step == 4
    assert (flat(two.average) - flat(one.average)).abs().max() < 1e-4


@pytest.mark.slow
def test_torchrun_starts_the_same_run(run_values, write_config, tmp_path):
    one = trained(run_values, tmp_path / 'one')
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2']
    command += ['-m', 'training.commands.train', write_config(), '--folder', str(tmp_path / 'two')]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {'OMP_NUM_THREADS': '1'}, check=False)
    assert done.returncode == 0
    two = checkpoint.load(tmp_path / 'two' / 'checkpoint.pt')
    assert two.step == one.step == 4
    assert (flat(two.average) - flat(one.average)).abs().max() < 1e-4


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_with_a_checkpoint(run_values, write_config, tmp_path):
    endless = {'batch': 2, 'steps': 100_000}
    path = write_config(cpu_processes=2, schedule=endless, data=run_values['data'] | {'workers': 1})
    command = [sys.executable, '-m', 'training.commands.train', path, '--folder', str(tmp_path / 'run')]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        deadline = time.monotonic() + 240.0
        while not (tmp_path / 'run' / 'metrics.jsonl').exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=120.0) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert 1 <= checkpoint.load(tmp_path / 'run' / 'checkpoint.pt').step < 100_000


@pytest.mark.slow
def test_an_error_in_one_of_two_processes_is_one_line(run_values, write_config, tmp_path, capfd):
    (tmp_path / 'photographs').mkdir()
    for name in ('broken.png', 'held_out.png'):
        (tmp_path / 'photographs' / name).write_bytes(b'no image')
    data = run_values['data'] | {'roots': [str(tmp_path / 'photographs')], 'held_out': ['held*']}
    assert main([write_config(cpu_processes=2, data=data), '--folder', str(tmp_path / 'run')]) == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1
    assert 'is not an image' in errors[0]
