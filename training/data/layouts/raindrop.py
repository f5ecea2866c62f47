"""The raindrops of AGAN (Qian et al. 2018): real drops on glass, photographed with and without them."""

from collections.abc import Sequence
from pathlib import Path

from training.config.data import PairsConfig
from training.data.layouts.named_pairs import NamedPair
from training.data.layouts.suffixes import pair_by_suffix

TREE = '{split}/ (train/, test_a/ or test/) with data/N_rain.png and gt/N_clean.png'


def find_raindrop(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs `N` of the training images, or of test set A; none if there is no such folder.

    Raises:
        ConfigError: images without a partner.
    """
    for folder in (root / f'{split}_a', root / split):
        if (folder / 'data').is_dir() and (folder / 'gt').is_dir():
            return pair_by_suffix(folder, 'rain', 'clean')
    return []
