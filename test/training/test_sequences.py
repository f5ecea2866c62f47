"""Consecutive frames of one camera."""

import cv2
import numpy as np
import pytest

pytest.importorskip('pydantic', reason='the training environment is not set up')

from restore_node.common.errors import ConfigError
from training.data.photographs import CameraFrame
from training.data.sequences import find_sequences


@pytest.fixture
def root(tmp_path):
    for name, count in (('b', 4), ('a/deep', 3), ('short', 2)):
        (tmp_path / name).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(tmp_path / name / f'{number:02d}.png'), np.full((4, 6, 3), number, np.uint8))
    return tmp_path


def test_every_folder_of_frames_is_a_sequence_in_the_order_of_names(root):
    found = find_sequences([str(root)])
    assert [frame.name for frame in found] == ['a/deep/00.png', 'b/00.png', 'b/01.png']
    assert all(isinstance(frame, CameraFrame) for frame in found)
    assert [int(image[0, 0, 0]) for image in found[2].read_on(3)] == [1, 2, 3]
    assert [frame.name for frame in find_sequences([str(root)], frame_stride=2)] == [
        'a/deep/00.png',
        'b/00.png',
    ]


def test_a_root_may_be_a_sequence_or_a_pattern(root):
    assert [frame.name for frame in find_sequences([str(root / 'b')])] == ['b/00.png', 'b/01.png']
    assert [frame.name for frame in find_sequences([str(root / '[b-z]*')])] == ['b/00.png', 'b/01.png']


def test_a_video_is_a_sequence(tmp_path):
    path = tmp_path / 'drive.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10.0, (64, 48))
    for grey in range(5):
        writer.write(np.full((48, 64, 3), 50 * grey, np.uint8))
    writer.release()
    assert [frame.name for frame in find_sequences([str(path)])] == [f'drive.avi#00000{n}' for n in range(3)]


def test_where_no_frames_follow_each_other_is_an_error(root):
    for place in (root / 'short', root / 'nowhere', root / 'none*'):
        with pytest.raises(ConfigError, match='sequences'):
            find_sequences([str(place)])
