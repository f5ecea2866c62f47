"""The gate's threshold is measured, not guessed."""

import pytest

from training.commands.calibrate_gate import KINDS, Scored, calibrate, main, table


def clean(score):
    return Scored('clean', score, 40.0, 39.0)


def test_the_threshold_lies_above_the_share_of_clean_frames_asked_for():
    scored = [clean(score) for score in (1.0, 2.0, 3.0, 4.0, 5.0)] + [Scored('blur', 9.0, 25.0, 27.0)]
    assert calibrate(scored, left_alone=1.0) == pytest.approx(5.1)
    assert calibrate(scored, left_alone=0.5) == pytest.approx(3.1)


def test_the_table_is_what_one_computes_by_hand():
    """Frames below the threshold go out as they came; the one on it is restored."""
    scored = [
        Scored('clean', 1.0, 60.0, 40.0),
        Scored('clean', 3.0, 58.0, 42.0),
        Scored('blur', 2.0, 20.0, 30.0),
        Scored('blur', 1.9, 24.0, 25.0),
        *(Scored(kind, 9.0, 20.0, 26.0) for kind in KINDS[2:]),
    ]
    cells = [list(column.cells) for column in table(scored, threshold=2.0).columns]
    rows = {kind: row for kind, *row in zip(*cells, strict=True)}
    assert list(rows) == list(KINDS)
    # (60 + 42) / 2 and (30 + 24) / 2
    assert rows['clean'] == ['2', '50 %', '59.00', '41.00', '51.00']
    assert rows['blur'] == ['2', '50 %', '22.00', '27.50', '27.00']
    assert rows['all'] == ['1', '0 %', '20.00', '26.00', '26.00']


def test_a_shipped_model_is_calibrated_on_photographs_held_out(write_config, capsys):
    assert main([write_config(), '--model', 'restore-lite', '--frames', '1']) == 0
    printed = capsys.readouterr().out
    threshold = float(printed.rsplit('gate_threshold:', 1)[1])
    assert 0.0 < threshold < 50.0
    assert 'streaks' in printed


def test_an_unknown_model_is_one_line(write_config, refused):
    assert 'no-such-model' in refused(main, write_config(), '--model', 'no-such-model')
