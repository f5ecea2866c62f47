"""Consecutive frames of one camera."""

import cv2
import numpy as np
import pytest
from scenery import write_video

from restore_node.common.errors import ConfigError, InputError
from training.config.data import DataConfig, SequencesConfig, SourceConfig
from training.data.patch_source import PatchSource
from training.data.sequences import find_sequences
from training.data.stored import CameraFrame
from training.degradation.blur.ranges import MotionRanges
from training.degradation.ranges import DegradationConfig


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
    greys = (np.full((48, 64, 3), 50 * grey, np.uint8) for grey in range(5))
    path = write_video(tmp_path / 'drive.avi', greys)
    assert [frame.name for frame in find_sequences([str(path)])] == [f'drive.avi#00000{n}' for n in range(3)]


def test_where_no_frames_follow_each_other_is_an_error(root):
    for place in (root / 'short', root / 'nowhere', root / 'none*'):
        with pytest.raises(ConfigError, match='sequences'):
            find_sequences([str(place)])


def source_of(root, **motion):
    """Patches of the sequences under a folder, all blurred by their own motion."""
    sharp = SequencesConfig((str(root),))
    data = DataConfig((SourceConfig('mine', sequences=sharp),), patch_px=64, crop_px=64, pool=1, reuse=1)
    degradation = DegradationConfig(kinds={'blur': 1.0}, motion=MotionRanges(**motion))
    return PatchSource(find_sequences(sharp.roots), sharp, data, degradation, 3, 1)


def noise(seed, size=(140, 160)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def test_where_motion_is_bad_another_place_is_taken(tmp_path):
    scene = noise(0, (140, 260))
    for name, frames in (
        ('cuts', [noise(seed) for seed in range(4)]),
        ('pan', [scene[:, 5 * step : 5 * step + 160] for step in range(4)]),
    ):
        (tmp_path / name).mkdir()
        for number, frame in enumerate(frames):
            cv2.imwrite(str(tmp_path / name / f'{number}.png'), np.ascontiguousarray(frame))
    source = source_of(tmp_path, exposure=(1.0, 1.5), shake_share=0.0)
    for index in range(4):
        blurred, sharp = source.sample(index)
        assert blurred.shape == sharp.shape == (64, 64, 3)
        assert blurred.std() < 0.9 * sharp.std()


def test_sequences_that_never_move_usably_are_one_line(tmp_path):
    (tmp_path / 'cuts').mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / 'cuts' / f'{number}.png'), noise(number))
    with pytest.raises(InputError, match='without usable motion, 200 places in a row') as caught:
        source_of(tmp_path).sample(0)
    assert '\n' not in str(caught.value)
