import tarfile

import cv2
import numpy as np
import pytest

from restore_node.common.errors import ConfigError, InputError
from training.config.data import DataSet
from training.data.photographs import data_list, find_photographs, hold_out


@pytest.fixture
def photographs_folder(tmp_path):
    root = tmp_path / 'photographs'
    for name, colour in (
        ('drive/a_1.png', (250, 0, 0)),
        ('drive/b_1.PNG', (0, 250, 0)),
        ('c.png', (0, 0, 250)),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image = np.full((6, 8, 3), colour, np.uint8)
        (root / name).write_bytes(cv2.imencode('.png', image[..., ::-1])[1].tobytes())
    (root / 'terms.txt').write_text('not a photograph')
    return root


@pytest.fixture
def photographs_tar(photographs_folder, tmp_path):
    path = tmp_path / 'photographs.tar'
    with tarfile.open(path, 'w') as tar:
        tar.add(photographs_folder, arcname='.', filter=_plain_name)
    return path


def _plain_name(member):
    member.name = member.name.removeprefix('./')
    return member


def test_folders_are_searched_and_read_as_rgb(photographs_folder):
    found = find_photographs([str(photographs_folder)])
    assert [photograph.name for photograph in found] == ['c.png', 'drive/a_1.png', 'drive/b_1.PNG']
    assert found[1].read().shape == (6, 8, 3)
    assert found[1].read()[0, 0].tolist() == [250, 0, 0]


def test_a_tar_holds_the_same_photographs(photographs_folder, photographs_tar):
    (photographs_folder / '__MACOSX').mkdir()
    (photographs_folder / '__MACOSX' / 'a.png').write_bytes(b'resource fork')
    with tarfile.open(photographs_tar, 'a') as tar:
        tar.add(photographs_folder / '__MACOSX', arcname='./__MACOSX')
    in_folder, in_tar = find_photographs([str(photographs_folder)]), find_photographs([str(photographs_tar)])
    assert [photograph.name for photograph in in_tar] == [photograph.name for photograph in in_folder]
    for one, other in zip(in_folder, in_tar, strict=True):
        assert np.array_equal(one.read(), other.read())


def test_split_by_glob_and_the_list_for_the_card(photographs_folder):
    sets = (DataSet('Drives', 'drive/*', 'research use'),)
    sharp, apart = hold_out(find_photographs([str(photographs_folder)]), ['drive/b*'])
    assert [photograph.name for photograph in apart] == ['drive/b_1.PNG']
    assert data_list(sharp, sets) == [
        {'name': 'other', 'images': 1, 'terms': 'not stated'},
        {'name': 'Drives', 'images': 1, 'terms': 'research use'},
    ]


@pytest.mark.parametrize('held_out', [(), ('*',)])
def test_a_split_with_an_empty_side_is_refused(photographs_folder, held_out):
    with pytest.raises(ConfigError, match='held_out'):
        hold_out(find_photographs([str(photographs_folder)]), held_out)


def test_roots_that_hold_nothing_are_refused(tmp_path):
    (tmp_path / 'broken.tar').write_bytes(b'no tar at all')
    for root in ('nowhere', 'broken.tar', '.'):
        with pytest.raises(ConfigError, match='roots'):
            find_photographs([str(tmp_path / root)])


def test_a_broken_photograph_is_named(photographs_folder):
    (photographs_folder / 'c.png').write_bytes(b'\x89PNG but no more')
    with pytest.raises(InputError, match=r'c\.png is not an image'):
        find_photographs([str(photographs_folder)])[0].read()
