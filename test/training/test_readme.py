"""The README's way from one's own images to a model, typed as it stands there, on a few small images."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from scenery import write_video
from skimage import data

from restore_node.model import load_model

ROOT = Path(__file__).resolve().parents[2]
SHORT = 'schedule.steps=4 schedule.batch=2 data.pool=8 validation.patches=1 cpu_processes=1'


@pytest.fixture
def images(tmp_path):
    """Two drives and a folder of photographs, under the names that the README gives them."""
    picture = cv2.cvtColor(data.coffee(), cv2.COLOR_RGB2BGR)
    # Two drives are never the same: what is trained on is not what is measured on.
    for name, scene in (('monday', picture), ('tuesday', picture[:, ::-1])):
        write_video(tmp_path / f'{name}.mp4', (scene[:, left : left + 560] for left in range(21)), 'mp4v')
    for folder in ('photos', 'real_rain'):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'cat.png'), cv2.cvtColor(data.chelsea(), cv2.COLOR_RGB2BGR))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize('document', ['README.md', 'docs/training.md'])
def test_the_commands_on_ones_own_images_run(document, images):
    text = (ROOT / document).read_text(encoding='utf-8')
    (block,) = re.findall(
        r'```bash\ndev/setup\.sh train[^\n]*\n(mine=.*?)(?:ros2 launch[^\n]*\n)?```', text, re.DOTALL
    )
    assert block.count('python -m training.') >= 5
    short = block.replace('schedule.max_minutes=60', SHORT).replace('config/train/', f'{ROOT}/config/train/')
    paths = {'PYTHONPATH': str(ROOT), 'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}'}
    done = subprocess.run(
        ['bash', '-e', '-c', short], cwd=images, env=os.environ | paths, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert load_model(str(images / 'models' / 'my-model.onnx')).card.name == 'my-model'
    assert cv2.imread(str(images / 'contact_sheet.png')) is not None
    assert re.search(r'^gate_threshold: \d', done.stdout, re.MULTILINE)
