"""What a run shows and records, and what it takes back when it goes on from an older checkpoint."""

import json
import logging

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.config.run import parse_config
from training.data.validation import ValidationSet
from training.loop.monitor import Monitor
from training.loop.progress import ProgressView, clock
from training.loop.records import Records
from training.runs.folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture
def pairs():
    draw = np.random.default_rng(1)
    sharp = draw.integers(0, 200, (2, 32, 40, 3), dtype=np.uint8)
    return [ValidationSet('streaks', [(image + 20, image) for image in sharp])]


def lines(folder):
    return [json.loads(line) for line in folder.metrics.read_text().splitlines()]


def step(monitor, number, loss=1.0):
    values = {'loss': torch.tensor(loss), 'rate': torch.tensor(1e-3)}
    monitor.stepped(number, number * 0.5, values, 0.5, 0.1)


def test_means_pictures_and_qualities_are_recorded(run_values, folder, pairs):
    config = parse_config(run_values | {'log_seconds': 1.0}, 'test')
    with Monitor(config, folder, 0, pairs, torch.device('cpu')) as monitor:
        for number, loss in enumerate((1.0, 3.0, 5.0), start=1):
            step(monitor, number, loss)
        monitor.validate(3, 1.5, torch.nn.Identity())
    means, measured = lines(folder)
    assert means['step'] == 2
    assert means['loss'] == 2.0
    assert means['steps_per_s'] == pytest.approx(2.0)
    assert means['data_wait'] == pytest.approx(0.2)
    quality = measured['quality']['streaks']
    assert quality['images'] == 2
    assert quality['psnr_restored_db'] == quality['psnr_degraded_db'] == pytest.approx(22.11, abs=0.01)

    board = EventAccumulator(str(folder.tensorboard)).Reload()
    assert board.Scalars('train/loss')[0].value == 2.0
    assert board.Scalars('held_out/streaks/psnr_restored_db')[0].step == 3
    picture = board.Images('degraded_restored_sharp/streaks')[0]
    assert (picture.height, picture.width) == (32, 3 * 40)


def test_what_a_killed_run_recorded_after_its_checkpoint_is_taken_back(folder):
    first = Records(folder, 0)
    for number in (1, 2, 3):
        first.losses(number, 1.0, {'loss': float(number)})
    first.close()
    with folder.metrics.open('a') as file:
        file.write('{"step": 4, "elap')
    again = Records(folder, 2)
    again.losses(3, 1.0, {'loss': 30.0})
    again.close()
    assert [(line['step'], line['loss']) for line in lines(folder)] == [(1, 1.0), (2, 2.0), (3, 30.0)]


def test_saving_and_measuring_come_by_steps_or_minutes(run_values, folder):
    values = run_values | {
        'checkpoint': {'steps': 3, 'minutes': None},
        'validation': run_values['validation'] | {'steps': None, 'minutes': 1e-9},
    }
    with Monitor(parse_config(values, 'test'), folder, 0, [], torch.device('cpu')) as monitor:
        assert [monitor.checkpoints.due(number) for number in range(1, 7)] == [False, False, True] * 2
        assert monitor.validations.due(1)


def test_without_a_terminal_there_are_lines(caplog):
    caplog.set_level(logging.INFO, logger='training')
    with ProgressView('short') as view:
        values = {'loss': 0.5, 'rate': 1e-3, 'steps_per_s': 2.0, 'data_wait': 0.25}
        view.moved(30, 0.5, 3723.0, values)
        view.say('measured')
    assert caplog.messages == [
        '50.0%  step 30  loss 0.50000  rate 1.0e-03  2.00 steps/s  data wait 25%  1:02:03 left',
        'measured',
    ]


def test_in_a_terminal_there_is_a_bar(monkeypatch, capsys):
    monkeypatch.setenv('FORCE_COLOR', '1')
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setenv('COLUMNS', '80')
    with ProgressView('restore-lite') as view:
        values = {'loss': 0.5, 'rate': 1e-3, 'steps_per_s': 2.0, 'data_wait': 0.25}
        view.moved(30, 0.5, 60.0, values)
        view.say('[measured]')
    seen = capsys.readouterr().err
    assert '50.0% step 30  loss 0.5000  2.00 steps/s  0:01:00 left' in seen
    assert '[measured]' in seen


def test_hours_minutes_seconds():
    assert clock(59.6) == '0:01:00'
    assert clock(36_000.0) == '10:00:00'
