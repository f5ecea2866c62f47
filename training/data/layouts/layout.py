"""What is to be known of a published set: what its folder looks like, and how its pairs are found in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from training.config.data import PairsConfig
from training.data.layouts.named_pairs import NamedPair

Split = Literal['train', 'test']


@dataclass(frozen=True)
class Layout:
    """How a set is published.

    Attributes:
        title: the set's name, as tables and model cards print it.
        tree: what its folder looks like, for people.
        find: pairs of a split under a folder, in order; none where the folder does not look like this. Raises
            ConfigError for what looks like this and is not whole, such as images without a partner.
        published: pairs of each split, where that is known.
    """

    title: str
    tree: str
    find: Callable[[Path, PairsConfig, Split], Sequence[NamedPair]]
    published: Mapping[str, int] = field(default_factory=dict)
