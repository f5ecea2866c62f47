import numpy as np
import pytest

from restore_node.common.errors import InputError
from restore_node.common.image_files import read_rgb, write_rgb


def test_what_is_written_is_read(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_rgb(tmp_path / 'image.png', image)
    assert np.array_equal(read_rgb(tmp_path / 'image.png'), image)


def test_what_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r'nowhere/image\.png'):
        write_rgb(tmp_path / 'nowhere' / 'image.png', np.zeros((5, 7, 3), np.uint8))
