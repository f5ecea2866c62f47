import numpy as np
import pytest

from restore_node.common.errors import InputError
from training.data.images import read_rgb, write_rgb
from training.data.spread import spread


def test_what_is_written_is_read(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_rgb(tmp_path / 'image.png', image)
    assert np.array_equal(read_rgb(tmp_path / 'image.png'), image)


def test_what_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r'nowhere/image\.png'):
        write_rgb(tmp_path / 'nowhere' / 'image.png', np.zeros((5, 7, 3), np.uint8))


@pytest.mark.parametrize(
    ('count', 'total', 'positions'),
    [(1, 9, [0]), (3, 9, [0, 4, 8]), (4, 4, [0, 1, 2, 3]), (3, 2, [0, 0, 1]), (2, 1, [0, 0])],
)
def test_a_few_are_spread_over_many(count, total, positions):
    assert spread(count, total) == positions
