"""The gate's threshold is measured, not guessed."""

import json
import shutil

import pytest

from restore_node.common.errors import InputError
from restore_node.model import find_model, load_model
from training.commands.calibrate_gate import KINDS, Scored, calibrate, main, table


def streaks(score, degraded_db=25.0):
    return Scored('streaks', score, degraded_db, 27.0)


def test_the_threshold_lets_no_more_visible_degradation_pass_than_asked_for():
    scored = [streaks(score) for score in (1.07, 2.0, 3.0, 4.0, 5.0)]
    # What is hardly degraded, or not at all, may go out as it came.
    scored += [streaks(0.1, 30.1), Scored('clean', 0.1, 25.0, 24.0)]
    assert calibrate(scored) == pytest.approx(1.0)
    assert calibrate(scored, left_alone=0.2) == pytest.approx(2.0)
    assert calibrate(scored, left_alone=0.39) == pytest.approx(2.0)


def test_nothing_visible_is_no_measure():
    with pytest.raises(InputError, match='30 dB or less'):
        calibrate([streaks(1.0, 31.0)])


def test_the_table_is_what_one_computes_by_hand():
    """Frames below the threshold go out as they came; the one on it is restored."""
    scored = [
        Scored('clean', 1.0, 60.0, 40.0),
        Scored('clean', 3.0, 58.0, 42.0),
        Scored('blur', 2.0, 20.0, 30.0),
        Scored('blur', 1.9, 34.0, 25.0),
        *(Scored(kind, 9.0, 20.0, 26.0) for kind in KINDS[2:]),
    ]
    columns = {column.header: list(column.cells) for column in table(scored, threshold=2.1).columns}
    assert columns['threshold'] == ['0', '2', '2.1', '4', '6', '8', '10']
    # (60 + 42) / 2 and (30 + 34) / 2
    assert columns['clean (59.00)'][:3] == ['41.00, 0 %', '51.00, 50 %', '51.00, 50 %']
    assert columns['blur (27.00)'][:3] == ['27.50, 0 (0) %', '32.00, 50 (0) %', '27.00, 100 (100) %']
    assert columns['all (20.00)'][2] == '26.00, 0 (0) %'


def test_a_model_is_calibrated_on_photographs_held_out_and_its_card_says_so(write_config, capsys, tmp_path):
    for file in find_model('restore-lite').parent.glob('restore-lite.*'):
        shutil.copy(file, tmp_path)
    model, card = str(tmp_path / 'restore-lite.onnx'), tmp_path / 'restore-lite.json'
    before = json.loads(card.read_text())
    arguments = [write_config(), '--model', model, '--frames', '1']
    assert main([*arguments, '--dry-run']) == 0
    printed = capsys.readouterr().out
    threshold = float(printed.rsplit('gate_threshold:', 1)[1])
    assert 0.0 < threshold < 50.0
    assert 'streaks' in printed
    assert json.loads(card.read_text()) == before
    assert main(arguments) == 0
    assert load_model(model).card.gate_threshold == threshold
    assert json.loads(card.read_text()) == before | {'gate_threshold': threshold}


def test_an_unknown_model_is_one_line(write_config, refused):
    assert 'no-such-model' in refused(main, write_config(), '--model', 'no-such-model')
