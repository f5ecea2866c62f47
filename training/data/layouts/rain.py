"""Sets of synthetic rain: Rain800 (Zhang et al. 2017), Rain100H and Rain100L (Yang et al. 2017).

All three are also passed on as `input/` and `target/` with equal names, the repack of MPRNet and others.
"""

import logging
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.common.errors import ConfigError
from restore_node.common.image_files import images_under, is_image
from training.config.data import PairsConfig
from training.data.layouts.named_pairs import HalvesPair, NamedPair, by_name, match
from training.data.spread import spread

log = logging.getLogger('training')

RAIN800_TREE = (
    '{split}/ (training/, test_syn/) with rainy right of clean in one image, or {split}/{{input,target}}/'
)
RAIN100_TREE = '{split}/ ({own}/) with rain-NNN.png beside norain-NNN.png, or {split}/{{input,target}}/'

RAIN800_FOLDERS = {'train': ('train', 'training'), 'test': ('test', 'test_syn', 'Test100')}
# As the set's own archives and PReNet's repack call them.
RAIN100_FOLDERS = {
    kind: {
        'train': ('train', f'rain_data_train_{word}', f'RainTrain{kind}'),
        'test': ('test', f'rain_data_test_{word}', f'Rain100{kind}'),
    }
    for kind, word in (('H', 'Heavy'), ('L', 'Light'))
}
_NUMBERED = re.compile(r'(no)?rain-0*(\d+)$')
_CHECKED = 8


def find_rain800(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs of Rain800; none if there is no such folder.

    Raises:
        ConfigError: images without a partner, or images that are no two halves of one scene.
    """
    for folder in (root / name for name in RAIN800_FOLDERS[split]):
        if repacked := _repacked(folder):
            return repacked
        if folder.is_dir():
            files = sorted(path for path in folder.iterdir() if is_image(path) and path.is_file())
            if files:
                pairs = [HalvesPair(path.stem, path) for path in files]
                _check_halves(pairs, folder)
                return pairs
    return []


def _find_rain100(kind: str, root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs of Rain100H or L; none if there is no such folder.

    Raises:
        ConfigError: images without a partner.
    """
    for folder in (root / name for name in RAIN100_FOLDERS[kind][split]):
        if repacked := _repacked(folder):
            return repacked
        if numbered := _numbered(folder):
            return numbered
    return []


find_rain100h = partial(_find_rain100, 'H')
find_rain100l = partial(_find_rain100, 'L')


def _repacked(folder: Path) -> Sequence[NamedPair]:
    if not ((folder / 'input').is_dir() and (folder / 'target').is_dir()):
        return []
    return match(by_name(folder / 'input'), by_name(folder / 'target'), folder)


def _numbered(folder: Path) -> Sequence[NamedPair]:
    """Pairs `rain-7` and `norain-7`, or `-007`, anywhere under the folder; streaks and masks do not count."""
    rainy: dict[str, Path] = {}
    clean: dict[str, Path] = {}
    for path in images_under(folder):
        if found := _NUMBERED.fullmatch(path.stem):
            side, name = (clean if found[1] else rainy), f'{int(found[2]):03d}'
            if name in side:
                raise ConfigError(
                    f'{folder} has two images of number {name}',
                    seen=f'{side[name].relative_to(folder)} and {path.relative_to(folder)}',
                    wanted='one split of one set',
                )
            side[name] = path
    return match(rainy, clean, folder)


def _check_halves(pairs: Sequence[HalvesPair], folder: Path) -> None:
    """Look at a few images: both halves show one scene, and the right one has the streaks.

    That rain is on the right is how ID-CGAN's code reads its own set (`which_direction=BtoA`).
    """
    looks = [pairs[index].read() for index in spread(min(_CHECKED, len(pairs)), len(pairs))]
    alike = float(np.median([_likeness(rainy, clean) for rainy, clean in looks]))
    if alike < 0.5:
        raise ConfigError(
            f'the images of {folder} are no pairs side by side',
            seen=f'halves that correlate by {alike:.2f}',
            wanted='the clean image on the left half and the rainy one on the right',
            fix='for two folders of images use data.pairs.layout=folders',
        )
    if np.mean([_detail(rainy) > _detail(clean) for rainy, clean in looks]) < 0.5:
        log.warning('%s: the left halves look rainier than the right ones, which are read as rainy', folder)


def _likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    small = [cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA).ravel() for image in (one, other)]
    with np.errstate(invalid='ignore'):
        return float(np.nan_to_num(np.corrcoef(small)[0, 1]))


def _detail(image: NDArray[np.uint8]) -> float:
    return float(np.abs(np.diff(image.astype(np.int16), axis=1)).mean())
