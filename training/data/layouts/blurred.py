"""Paired sets of motion blur, as they are published and passed on.

- GOPRO_Large (Nah et al. 2017): 1280x720 frames, blurred by averaging 240 fps video. It is also passed on
  with two folders a split: `input` and `target` (MPRNet), `blur` and `sharp` (BasicSR), or cut into crops
  (NAFNet). Those hold the linear response.
- RealBlur-J and RealBlur-R (Rim et al. 2020): camera JPEGs and developed raw images of two cameras behind one
  lens, named by list files.
- REDS (Nah et al. 2019): 1280x720 frames, blurred by averaging 120 fps video.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from restore_node.common.errors import ConfigError
from training.config.data import LayoutName, PairsConfig
from training.data.layouts.named_pairs import (
    FilePair,
    Layout,
    Split,
    by_name,
    contents,
    in_folders,
    listed,
    match,
)

_GOPRO_TREE = (
    '{split}/<sequence>/{{blur,blur_gamma,sharp}}/NNNNNN.png, or images GOPR* in {split}/{{input,target}}/ '
    'or {split}/{{blur,sharp}}/'
)
_REPACKS = (('input', 'target'), ('blur', 'sharp'), ('blur_crops', 'sharp_crops'))
_PARTS = ('blur', 'blur_gamma', 'sharp')


def _gopro(root: Path, config: PairsConfig, split: Split) -> Sequence[FilePair]:
    """Pairs `<sequence>/NNNNNN`, blurred as `config.variant` says."""
    sequences = sorted(
        {part.parent for name in _PARTS for part in root.glob(f'{split}/*/{name}') if part.is_dir()}
    )
    if sequences:
        return [pair for sequence in sequences for pair in _of_sequence(sequence, config.variant)]
    pairs = in_folders([root / split], _REPACKS)
    # Frames of a repack still have their sequence's name; other sets have the same folders.
    if not pairs or 'GOPR' not in pairs[0].name.upper():
        return []
    if config.variant != 'blur':
        raise ConfigError(
            f'{root / split} is a repack of GOPRO_Large',
            seen=contents(root / split),
            wanted=f'the published sequences, which alone have {config.variant}',
            fix='take variant blur, or unpack the published archive',
        )
    return pairs


def _of_sequence(sequence: Path, variant: str) -> list[FilePair]:
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


def _realblur(kind: str, root: Path, config: PairsConfig, split: Split) -> Sequence[FilePair]:
    """Pairs `scene230/blur_7` of `RealBlur-J_.../scene230/blur/blur_7.png`."""

    def name_of(blurred: str) -> str:
        parts = PurePosixPath(blurred).with_suffix('').parts
        return '/'.join(part for part in parts[-3:] if part != 'blur')

    path = root / f'RealBlur_{kind}_{split}_list.txt'
    return listed(path, 'two paths: gt blur', name_of, sharp_first=True)


def _reds(root: Path, config: PairsConfig, split: Split) -> Sequence[FilePair]:
    """Pairs `SSS/NNNNNNNN`, to test those of `val`: the truth of its test half is not public."""
    part = 'train' if split == 'train' else 'val'
    return in_folders([root, root / part], [(f'{part}_blur', f'{part}_sharp')])


def _realblur_layout(kind: str) -> Layout:
    tree = f'RealBlur_{kind}_{{split}}_list.txt, each line `GT BLUR` with paths from that folder'
    return Layout(f'RealBlur-{kind}', tree, partial(_realblur, kind), {'train': 3758, 'test': 980})


LAYOUTS: dict[LayoutName, Layout] = {
    'gopro': Layout('GOPRO_Large', _GOPRO_TREE, _gopro, {'train': 2103, 'test': 1111}),
    'realblur_j': _realblur_layout('J'),
    'realblur_r': _realblur_layout('R'),
    'reds': Layout(
        'REDS',
        'train_blur/, train_sharp/, val_blur/, val_sharp/ with SSS/NNNNNNNN.png; also in train/ and val/',
        _reds,
        {'train': 24_000, 'test': 3_000},
    ),
}
