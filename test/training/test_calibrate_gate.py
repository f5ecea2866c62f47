"""The gate's threshold is measured, not guessed."""

import pytest
import yaml

pytest.importorskip('torch', reason='the training environment is not set up')

from training.calibrate_gate import Scored, calibrate, main


def clean(score):
    return Scored('clean', score, 40.0, 39.0)


def test_the_threshold_lies_above_the_share_of_clean_frames_asked_for():
    scored = [clean(score) for score in (1.0, 2.0, 3.0, 4.0, 5.0)] + [Scored('blur', 9.0, 25.0, 27.0)]
    assert calibrate(scored, left_alone=1.0) == pytest.approx(5.1)
    assert calibrate(scored, left_alone=0.5) == pytest.approx(3.1)


def test_a_shipped_model_is_calibrated_on_photographs_held_out(run_values, tmp_path, capsys):
    config = tmp_path / 'short.yaml'
    config.write_text(yaml.safe_dump(run_values), encoding='utf-8')
    assert main([str(config), '--model', 'restore-lite', '--frames', '1']) == 0
    printed = capsys.readouterr().out
    threshold = float(printed.rsplit('gate_threshold:', 1)[1])
    assert 0.0 < threshold < 50.0
    assert 'streaks' in printed


def test_an_unknown_model_is_one_line(run_values, tmp_path, capsys):
    config = tmp_path / 'short.yaml'
    config.write_text(yaml.safe_dump(run_values), encoding='utf-8')
    assert main([str(config), '--model', 'no-such-model']) == 2
    assert capsys.readouterr().err.startswith('error: ')
