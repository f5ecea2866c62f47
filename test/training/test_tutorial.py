"""The tutorial's commands, typed as they stand there, on small videos and pairs."""

import os
import re
import subprocess
from pathlib import Path

import cv2
import pytest
from scenery import write_video

from restore_node.model import load_model

TEXT = (Path(__file__).resolve().parents[2] / 'docs' / 'tutorial.md').read_text(encoding='utf-8')
SHORT = {
    'schedule.steps=100': 'schedule.steps=2 schedule.batch=2',
    'data.pool=512': 'data.pool=8',
    'validation.patches=8': 'validation.patches=1 data.pool=8',
}


def blocks(first, last):
    """The commands of the tutorial between two of its headings, made short."""
    part = TEXT[TEXT.index(first) : TEXT.index(last) if last else None]
    commands = '\n'.join(re.findall(r'```bash\n(.*?)```', part, re.DOTALL))
    assert commands.count('restore-') >= 5
    for long, short in SHORT.items():
        commands = commands.replace(long, short)
    return commands


def typed(commands, folder, installed):
    paths = {'PATH': f'{installed}:{os.environ["PATH"]}'}
    done = subprocess.run(
        ['bash', '-e', '-c', commands],
        cwd=folder,
        env=os.environ | paths,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_video_becomes_a_model(installed, photographs_root, tmp_path):
    for name, photograph in (('street', 'astronaut'), ('garden', 'coffee')):
        picture = cv2.imread(str(photographs_root / f'{photograph}.png'))[:392]
        write_video(tmp_path / f'{name}.mp4', (picture[:, left : left + 480] for left in range(21)), 'mp4v')
    printed = typed(blocks('## 1.', '## 4.'), tmp_path, installed)
    assert re.search(r'^gate_threshold: \d', printed, re.MULTILINE)
    assert load_model(str(tmp_path / 'models' / 'mine.onnx')).card.name == 'mine'
    for sheet in ('seen.png', 'gain.png', 'restored.png'):
        assert cv2.imread(str(tmp_path / sheet)) is not None


@pytest.mark.slow
def test_two_folders_become_a_table(installed, photographs_root, tmp_path):
    for number, photograph in enumerate(('astronaut', 'coffee', 'chelsea')):
        picture = cv2.imread(str(photographs_root / f'{photograph}.png'))[:256, :256]
        for folder, image in (('dry', picture), ('rainy', cv2.GaussianBlur(picture, (5, 5), 0))):
            (tmp_path / 'pairs' / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / 'pairs' / folder / f'{number}.png'), image)
    printed = typed(blocks('## Your own pairs', None), tmp_path, installed)
    assert 'dry' in printed
    assert 'restore-lite' in printed
