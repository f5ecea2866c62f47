import pytest

from training.data.spread import spread


@pytest.mark.parametrize(
    ('count', 'total', 'positions'),
    [(1, 9, [0]), (3, 9, [0, 4, 8]), (4, 4, [0, 1, 2, 3]), (3, 2, [0, 0, 1]), (2, 1, [0, 0])],
)
def test_a_few_are_spread_over_many(count, total, positions):
    assert spread(count, total) == positions
