"""Rain1200, the set of DID-MDN (Zhang and Patel 2018): three densities of rain, both images in one file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.config.data import PairsConfig
from training.data.layouts.halves import halves_in, is_right_rainier
from training.data.layouts.named_pairs import NamedPair, repacked

TREE = (
    'DID-MDN-training/Rain_Heavy/train2018new/ (Medium, Light) and DID-MDN-test/ with rainy and clean in one '
    'image, or {split}/{{input,target}}/'
)
_DENSITIES = ('Heavy', 'Medium', 'Light')


def find_did_mdn(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs `Heavy/N` to train on, `N` to test; none if there is no such folder.

    Which half is rainy is seen by looking, for copies of this set differ.

    Raises:
        ConfigError: halves that show no one scene, or images of a repack without a partner.
    """
    for folder in (split, 'Test1200') if split == 'test' else (split,):
        if pairs := repacked(root / folder, (('input', 'target'),)):
            return pairs
    if split == 'test':
        halves = halves_in(root / 'DID-MDN-test')
    else:
        training = root / 'DID-MDN-training'
        halves = [
            pair
            for density in _DENSITIES
            for pair in halves_in(training / f'Rain_{density}' / 'train2018new', f'{density}/')
        ]
    left = bool(halves) and not is_right_rainier(halves)
    return [replace(pair, degraded_left=left) for pair in halves]
