"""One's own pairs: two folders with equal names inside."""

from collections.abc import Sequence
from pathlib import Path

from training.config.data import PairsConfig
from training.data.layouts.named_pairs import NamedPair, by_name, match

TREE = 'the folders {degraded} and {sharp} with equal names inside'


def find_folders(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """All pairs, whatever the split: `held_out` divides them; none if a folder is missing.

    Raises:
        ConfigError: images without a partner.
    """
    degraded, sharp = root / config.degraded, root / config.sharp
    if not (degraded.is_dir() and sharp.is_dir()):
        return []
    return match(by_name(degraded), by_name(sharp), root)
