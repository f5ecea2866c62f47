"""A few out of many, from the first to the last."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar('Item')


def spread(count: int, total: int) -> list[int]:
    """Positions 0..total-1, `count` of them in order and evenly apart; some occur twice if there are fewer.

    The first is 0 and, of two or more, the last is `total - 1`; both arguments are at least 1.
    """
    return np.linspace(0, total - 1, count).round().astype(int).tolist()


def few(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of one or more items, spread over all of them."""
    return [items[position] for position in spread(min(count, len(items)), len(items))]
