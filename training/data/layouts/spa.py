"""SPA-Data (Wang et al. 2019): real rain, its truth put together from video."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from training.config.data import PairsConfig
from training.data.layouts.list_files import listed
from training.data.layouts.named_pairs import NamedPair, by_name, match

TREE = (
    'real_world.txt, each line `RAIN GT` with paths from that folder, and real_test_1000/ with rain/NNN.png '
    'and gt/NNNgt.png'
)


def find_spa(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs of the list to train on, pairs `NNN` of the folder to test; none if there is neither.

    Raises:
        ConfigError: see `listed`, or images without a partner.
    """
    if split == 'train':
        return listed(root / 'real_world.txt', 'two paths: rain gt', _name)
    folder = root / 'real_test_1000'
    if not ((folder / 'rain').is_dir() and (folder / 'gt').is_dir()):
        return []
    return match(by_name(folder / 'rain'), by_name(folder / 'gt'), folder, lambda name: f'{name}gt')


def _name(rainy: str) -> str:
    """`000/000-1/000-1_3_7` from `real_world/000/000-1/000-1_3_7.png`."""
    parts = PurePosixPath(rainy).with_suffix('').parts
    return '/'.join(parts[1:] or parts)
