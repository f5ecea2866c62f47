import numpy as np
import pytest

from restore_node.common.errors import InputError
from restore_node.common.image_files import images_under, read_rgb, write_rgb


def test_what_is_written_is_read(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_rgb(tmp_path / 'image.png', image)
    assert np.array_equal(read_rgb(tmp_path / 'image.png'), image)


def test_what_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r'nowhere/image\.png'):
        write_rgb(tmp_path / 'nowhere' / 'image.png', np.zeros((5, 7, 3), np.uint8))


def files(folder):
    return [path.relative_to(folder).as_posix() for path in images_under(folder)]


def test_what_tools_leave_beside_the_data_is_no_data(tmp_path):
    for name in (
        'b.PNG',
        'sub/a.jpg',
        '.hidden.png',
        '._b.png',
        '.ipynb_checkpoints/b-checkpoint.png',
        '@eaDir/b.png/SYNOPHOTO_THUMB_M.jpg',
        'sub/__MACOSX/a.jpg',
        'notes.txt',
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / '001.png').mkdir()
    assert files(tmp_path) == ['b.PNG', 'sub/a.jpg']
    # The folder itself may lie anywhere.
    assert files(tmp_path / '.ipynb_checkpoints') == ['b-checkpoint.png']


def test_linked_folders_are_entered_once(tmp_path):
    data, elsewhere = tmp_path / 'data', tmp_path / 'elsewhere'
    (data / 'own').mkdir(parents=True)
    elsewhere.mkdir()
    (data / 'own' / 'a.png').touch()
    (elsewhere / 'b.png').touch()
    (data / 'linked').symlink_to(elsewhere)
    (elsewhere / 'back').symlink_to(data)
    (data / 'file.png').symlink_to(elsewhere / 'b.png')
    (data / 'broken.png').symlink_to(tmp_path / 'nowhere.png')
    assert files(data) == ['file.png', 'linked/b.png', 'own/a.png']
