"""GOPRO_Large (Nah et al. 2017): sequences of 1280x720 frames, blurred by averaging 240 fps video."""

from collections.abc import Sequence
from pathlib import Path

from restore_node.common.errors import ConfigError
from training.config.data import PairsConfig
from training.data.layouts.named_pairs import FilePair, NamedPair, by_name, contents, match

TREE = '{split}/<sequence>/{{blur,blur_gamma,sharp}}/NNNNNN.png'
_PARTS = ('blur', 'blur_gamma', 'sharp')


def find_gopro(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs `<sequence>/NNNNNN`, blurred as `config.variant` says; none if there is no such split.

    Raises:
        ConfigError: a sequence lacks a folder, or frames lack their partner.
    """
    sequences = sorted(
        {part.parent for name in _PARTS for part in root.glob(f'{split}/*/{name}') if part.is_dir()}
    )
    return [pair for sequence in sequences for pair in _of(sequence, config.variant)]


def _of(sequence: Path, variant: str) -> list[FilePair]:
    for name in (variant, 'sharp'):
        if not (sequence / name).is_dir():
            raise ConfigError(
                f'{sequence} has no folder {name}',
                seen=contents(sequence),
                wanted=f'{variant} and sharp',
                fix='choose between blur and blur_gamma with data.pairs.variant, or unpack the set again',
            )
    found = match(by_name(sequence / variant), by_name(sequence / 'sharp'), sequence)
    return [FilePair(f'{sequence.name}/{pair.name}', pair.degraded, pair.sharp) for pair in found]
