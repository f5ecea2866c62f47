"""REDS (Nah et al. 2019): sequences of 1280x720 frames, blurred by averaging 120 fps video."""

from collections.abc import Sequence
from pathlib import Path

from training.config.data import PairsConfig
from training.data.layouts.named_pairs import NamedPair, repacked

TREE = 'train_blur/, train_sharp/, val_blur/, val_sharp/, each with SSS/NNNNNNNN.png; also in train/ and val/'


def find_reds(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs `SSS/NNNNNNNN`, to test those of `val` (its test truth is not public); none without folders.

    Raises:
        ConfigError: frames without their partner.
    """
    part = 'train' if split == 'train' else 'val'
    names = ((f'{part}_blur', f'{part}_sharp'),)
    return repacked(root, names) or repacked(root / part, names)
