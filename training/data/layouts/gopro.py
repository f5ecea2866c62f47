"""GOPRO_Large (Nah et al. 2017): sequences of 1280x720 frames, blurred by averaging 240 fps video.

It is also passed on with two folders a split: `input` and `target` (MPRNet), `blur` and `sharp` (BasicSR), or
cut into crops (NAFNet). Those hold the linear response.
"""

from collections.abc import Sequence
from pathlib import Path

from restore_node.common.errors import ConfigError
from training.config.data import PairsConfig
from training.data.layouts.named_pairs import FilePair, NamedPair, by_name, contents, match, repacked

TREE = (
    '{split}/<sequence>/{{blur,blur_gamma,sharp}}/NNNNNN.png, or images GOPR* in {split}/{{input,target}}/ '
    'or {split}/{{blur,sharp}}/'
)
REPACKS = (('input', 'target'), ('blur', 'sharp'), ('blur_crops', 'sharp_crops'))
_PARTS = ('blur', 'blur_gamma', 'sharp')


def find_gopro(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs `<sequence>/NNNNNN`, blurred as `config.variant` says; none if there is no such split.

    Raises:
        ConfigError: a repack without the asked response, a sequence that lacks a folder, or frames without
            their partner.
    """
    sequences = sorted(
        {part.parent for name in _PARTS for part in root.glob(f'{split}/*/{name}') if part.is_dir()}
    )
    if not sequences and (pairs := _repacked(root / split)):
        if config.variant != 'blur':
            raise ConfigError(
                f'{root / split} is a repack of GOPRO_Large',
                seen=contents(root / split),
                wanted=f'the published sequences, which alone have {config.variant}',
                fix='take variant blur, or unpack the published archive',
            )
        return pairs
    return [pair for sequence in sequences for pair in _of(sequence, config.variant)]


def _repacked(folder: Path) -> list[FilePair]:
    """Pairs of a repack, whose frames still have their sequence's name; other sets have the same folders."""
    pairs = repacked(folder, REPACKS)
    return pairs if pairs and 'GOPR' in pairs[0].name.upper() else []


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
