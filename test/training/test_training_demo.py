"""The demo of training: better than what went in, or an error."""

import cv2
import pytest

from restore_node.model import load_model
from training.commands.demo import check_better, main
from training.evaluation.quality import Quality
from training.runs.errors import TrainingError


@pytest.mark.parametrize('restored', [30.0, 29.9])
def test_a_model_that_does_not_improve_anything_is_an_error(restored):
    with pytest.raises(TrainingError, match='does not improve streaks'):
        check_better({'streaks': Quality(2, 30.0, restored, 0.9, 0.95)})
    check_better({'streaks': Quality(2, 30.0, 30.1, 0.9, 0.9)})


@pytest.mark.slow
def test_the_demo_ends_with_a_model_and_pictures(tmp_path, capsys):
    assert main(['--out', str(tmp_path)]) == 0
    card = load_model(str(tmp_path / 'model' / 'demo.onnx')).card
    (quality,) = card.quality
    assert quality['psnr_restored_db'] > quality['psnr_degraded_db'] + 0.3
    assert card.training['data'] == [{'name': 'scikit-image', 'images': 4, 'terms': 'public domain'}]
    sheet = cv2.imread(str(tmp_path / 'before_after.png'))
    # A row of three strips of three patches.
    assert sheet.shape[0] > 192
    assert sheet.shape[1] > 3 * 3 * 192
    assert 'demo.onnx' in capsys.readouterr().out
