"""Rain1400, the set of DDN (Fu et al. 2017): 14 kinds of rain over each of 1,000 photographs."""

from collections.abc import Sequence
from pathlib import Path

from training.config.data import PairsConfig
from training.data.layouts.named_pairs import NamedPair, by_name, match

TREE = '{split}ing/ (or {split}/) with rainy_image/N_K.jpg, K from 1 to 14, and ground_truth/N.jpg'


def find_rain1400(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs `N_K`, fourteen of which share a truth; none if there is no such folder.

    Raises:
        ConfigError: images without a partner.
    """
    for folder in (root / f'{split}ing', root / split):
        rainy, clean = folder / 'rainy_image', folder / 'ground_truth'
        if rainy.is_dir() and clean.is_dir():
            return match(by_name(rainy), by_name(clean), folder, lambda name: name.rpartition('_')[0])
    return []
