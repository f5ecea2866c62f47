import itertools
import json
import os
import signal
import threading

import numpy as np
import pytest
import torch
import yaml
from workbench import crops, make_trainer, trained

from restore_node.common.errors import InputError
from training.commands.train import main
from training.config.run import parse_config
from training.loop.monitor import Monitor
from training.runs import checkpoint
from training.runs.folder import RunFolder


def lines(run):
    return [json.loads(line) for line in (run / 'metrics.jsonl').read_text().splitlines()]


def test_a_run_leaves_everything_that_made_it(run_values, tmp_path):
    run = tmp_path / 'run'
    saved = trained(run_values, run)
    assert saved.step == 4
    assert saved.provenance.items() <= json.loads((run / 'run.json').read_text()).items()
    assert saved.provenance['data'] == [{'name': 'scikit-image', 'images': 2, 'terms': 'public domain'}]
    assert saved.provenance['seed'] == 3
    assert saved.provenance['config'] == 'test.yaml'
    assert parse_config(yaml.safe_load((run / 'config.yaml').read_text()), 'run') == parse_config(
        run_values, 'test'
    )
    assert set(lines(run)[-1]['quality']) == {'clean', 'blur'}


def test_a_validation_that_is_due_at_the_end_is_made_once(run_values, tmp_path):
    measured = run_values | {'validation': run_values['validation'] | {'steps': 2}}
    trained(measured, tmp_path / 'run')
    assert [line['step'] for line in lines(tmp_path / 'run') if 'quality' in line] == [2, 4]


def test_a_run_goes_on_where_it_stopped(run_values, tmp_path):
    run = tmp_path / 'run'
    before = trained(run_values, run)
    longer = run_values | {'schedule': run_values['schedule'] | {'steps': 7}}
    after = trained(longer, run, resume=True)
    assert [line['step'] for line in lines(run) if 'loss' in line] == [1, 2, 3, 4, 5, 6, 7]
    assert after.elapsed_s > before.elapsed_s
    assert after.generator[1][0]['state'][0]['step'] == 7
    assert not torch.equal(after.generator[0]['leave.weight'], before.generator[0]['leave.weight'])


def test_a_new_run_starts_from_trained_weights(run_values, tmp_path):
    first = trained(run_values, tmp_path / 'first')
    short = run_values | {
        'schedule': {'batch': 2, 'steps': 1, 'learning_rate': 1e-9, 'final_learning_rate': 1e-9}
    }
    started = short | {'start_from': str(tmp_path / 'first' / 'checkpoint.pt')}
    second = trained(started, tmp_path / 'second')
    assert second.step == 1
    assert second.provenance['started_from'] == [
        {key: first.provenance[key] for key in ('name', 'config', 'commit', 'seed', 'data')} | {'steps': 4}
    ]
    assert torch.allclose(second.generator[0]['enter.weight'], first.average['enter.weight'], atol=1e-6)


def test_training_learns_one_batch_by_heart(run_values, tmp_path):
    values = run_values | {'schedule': {'batch': 2, 'steps': 40, 'learning_rate': 2e-3, 'warmup_steps': 0}}
    sharp = torch.randint(60, 200, (2, 3, 64, 64), dtype=torch.uint8)
    batch = (sharp + 40, sharp)
    config = parse_config(values, 'test')
    trainer = make_trainer(values, tmp_path)
    with Monitor(config, RunFolder(tmp_path), 0, [], torch.device('cpu')) as monitor:
        trainer.fit(lambda _: itertools.repeat(batch), monitor)
    losses = [line['loss'] for line in lines(tmp_path) if 'loss' in line]
    assert np.mean(losses[-5:]) < 0.3 * losses[0]


def test_a_signal_ends_a_run_with_a_checkpoint(run_values, tmp_path):
    run = tmp_path / 'run'
    endless = run_values | {'schedule': run_values['schedule'] | {'steps': 10_000}}
    timer = threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    try:
        stopped = trained(endless, run)
    finally:
        timer.cancel()
    assert 1 <= stopped.step < 10_000


def test_a_signal_while_processes_agree_is_told_the_next_time(run_values, tmp_path, monkeypatch):
    endless = run_values | {'schedule': run_values['schedule'] | {'steps': 100}}
    trainer = make_trainer(endless, tmp_path)
    fabric, came = trainer._fabric, []

    class OneOfTwo:
        world_size = 2

        def __getattr__(self, name):
            return getattr(fabric, name)

        def all_reduce(self, shared, reduce_op):
            if not came:
                came.append(reduce_op)
                signal.raise_signal(signal.SIGTERM)
            return shared

    monkeypatch.setattr(trainer, '_fabric', OneOfTwo())
    trainer.fit(crops)
    assert came == ['max']
    assert trainer.step == 2


def test_an_existing_run_is_not_overwritten(write_config, tmp_path, refused):
    path = write_config()
    said = refused(main, path, '--folder', tmp_path)
    assert said.startswith('error: run folder')
    assert '--resume' in said
    refused(main, path, 'network=nonesuch', '--folder', tmp_path / 'new')
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('content', [b'', b'not a checkpoint', None])
def test_a_broken_checkpoint_is_named(tmp_path, content):
    path = tmp_path / 'checkpoint.pt'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r'checkpoint\.pt'):
        checkpoint.load(path)


def test_a_file_with_other_tensors_is_no_checkpoint(tmp_path):
    torch.save({'weights': torch.zeros(2)}, tmp_path / 'other.pt')
    with pytest.raises(InputError, match='not a checkpoint'):
        checkpoint.load(tmp_path / 'other.pt')


def test_weights_of_another_network_are_refused():
    with pytest.raises(InputError, match='does not fit'):
        checkpoint.fill(torch.nn.Conv2d(3, 3, 3), {'weight': torch.zeros(2, 2)})
