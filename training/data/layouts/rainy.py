"""Paired sets of rain and of drops on glass, as they are published and passed on.

- Rain800 (Zhang et al. 2017): rainy and clean side by side in one image.
- Rain100H and Rain100L (Yang et al. 2017). A later release (also called Rain200, or RainHeavy and RainLight)
  has its rainy images in a folder `rain` under the clean image's name: `rain/X2/norain-1x2.png` and
  `norain/norain-1.png`.
- Rain1400, the set of DDN (Fu et al. 2017): 14 kinds of rain over each of 1,000 photographs.
- Rain1200, the set of DID-MDN (Zhang and Patel 2018): three densities of rain, both images in one file.
- SPA-Data (Wang et al. 2019): real rain, its truth put together from video.
- The raindrops of AGAN (Qian et al. 2018): real drops on glass, photographed with and without them.

Those of synthetic rain are also passed on as `input/` and `target/`, the repack of MPRNet and others.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from restore_node.common.errors import ConfigError
from restore_node.common.image_files import images_under, is_image
from training.config.data import LayoutName, PairsConfig
from training.data.layouts.named_pairs import (
    HalvesPair,
    Layout,
    NamedPair,
    Split,
    in_folders,
    listed,
    match,
    pair_by_suffix,
)
from training.data.samples import Image, Pair
from training.data.spread import few

log = logging.getLogger('training')

_REPACK = (('input', 'target'),)
_RAIN800_FOLDERS = {'train': ('train', 'training'), 'test': ('test', 'test_syn', 'Test100')}
_CHECKED = 8  # images that have a rainy and a clean half, to be sure which is which
_NUMBERED = re.compile(r'(no)?rain-0*(\d+)(x\d)?$')


def _rain800(root: Path, config: PairsConfig, split: Split) -> Sequence[NamedPair]:
    for folder in (root / name for name in _RAIN800_FOLDERS[split]):
        if pairs := in_folders([folder], _REPACK):
            return pairs
        if halves := halves_in(folder):
            # That rain is on the right is how ID-CGAN's code reads its own set (`which_direction=BtoA`).
            if not is_right_rainier(halves):
                log.warning(
                    '%s: the left halves look rainier than the right ones, which are read as rainy', folder
                )
            return halves
    return []


def _rain100(
    folders: Mapping[str, Sequence[str]], root: Path, config: PairsConfig, split: Split
) -> Sequence[NamedPair]:
    for folder in (root / name for name in folders[split]):
        if pairs := in_folders([folder], _REPACK) or _numbered(folder):
            return pairs
    return []


def _numbered(folder: Path) -> Sequence[NamedPair]:
    """Pairs `rain-7` and `norain-7`, or `-007`, anywhere under the folder; streaks and masks do not count.

    In folders called `rain` and `norain` it is they that say which is which, as the later release has it.
    """
    rainy: dict[str, Path] = {}
    clean: dict[str, Path] = {}
    for path in images_under(folder):
        if found := _NUMBERED.fullmatch(path.stem):
            folders = set(path.relative_to(folder).parts[:-1])
            is_clean = bool(found[1]) and not (found[3] or 'rain' in folders)
            side, name = (clean if is_clean else rainy), f'{int(found[2]):03d}'
            if name in side:
                raise ConfigError(
                    f'{folder} has two images of number {name}',
                    seen=f'{side[name].relative_to(folder)} and {path.relative_to(folder)}',
                    wanted='one split of one set',
                )
            side[name] = path
    return match(rainy, clean, folder)


def _rain1400(root: Path, config: PairsConfig, split: Split) -> Sequence[NamedPair]:
    """Pairs `N_K`, fourteen of which share a truth."""
    places = [root / f'{split}ing', root / split]
    return in_folders(places, [('rainy_image', 'ground_truth')], lambda name: name.rpartition('_')[0])


def _did_mdn(root: Path, config: PairsConfig, split: Split) -> Sequence[NamedPair]:
    """Pairs `Heavy/N` to train on, `N` to test; which half is rainy is seen by looking, for copies differ."""
    if pairs := in_folders([root / split, *([root / 'Test1200'] if split == 'test' else [])], _REPACK):
        return pairs
    if split == 'test':
        halves = halves_in(root / 'DID-MDN-test')
    else:
        halves = [
            pair
            for density in ('Heavy', 'Medium', 'Light')
            for pair in halves_in(root / f'DID-MDN-training/Rain_{density}/train2018new', f'{density}/')
        ]
    left = bool(halves) and not is_right_rainier(halves)
    return [replace(pair, degraded_left=left) for pair in halves]


def _spa(root: Path, config: PairsConfig, split: Split) -> Sequence[NamedPair]:
    """Pairs `000/000-1/000-1_3_7` of the list to train on, `NNN` of the folder to test."""

    def name_of(rainy: str) -> str:
        parts = PurePosixPath(rainy).with_suffix('').parts
        return '/'.join(parts[1:] or parts)

    if split == 'train':
        return listed(root / 'real_world.txt', 'two paths: rain gt', name_of)
    return in_folders([root / 'real_test_1000'], [('rain', 'gt')], lambda name: f'{name}gt')


def _raindrop(root: Path, config: PairsConfig, split: Split) -> Sequence[NamedPair]:
    """Pairs `N` of the training images, or of test set A."""
    for folder in (root / f'{split}_a', root / split):
        if (folder / 'data').is_dir() and (folder / 'gt').is_dir():
            return pair_by_suffix(folder, 'rain', 'clean')
    return []


def halves_in(folder: Path, prefix: str = '') -> list[HalvesPair]:
    """A pair for each image right in a folder, the rainy half taken for the right one; none without a folder.

    Raises ConfigError where the halves of the images show no one scene.
    """
    if not folder.is_dir():
        return []
    files = sorted(path for path in folder.iterdir() if is_image(path) and path.is_file())
    pairs = [HalvesPair(prefix + path.stem, path) for path in files]
    if pairs:
        _check_alike(pairs, folder)
    return pairs


def is_right_rainier(pairs: Sequence[HalvesPair]) -> bool:
    """Whether the right halves of most of a few pairs have more detail from column to column: streaks."""
    looks = _looks(pairs)
    return bool(np.mean([_detail(right) > _detail(left) for right, left in looks]) >= 0.5)


def _check_alike(pairs: Sequence[HalvesPair], folder: Path) -> None:
    alike = float(np.median([_likeness(*pair) for pair in _looks(pairs)]))
    if alike < 0.5:
        raise ConfigError(
            f'the images of {folder} are no pairs side by side',
            seen=f'halves that correlate by {alike:.2f}',
            wanted='one scene twice, clean and rainy, on the halves of each image',
            fix='for two folders of images use data.pairs.layout=folders',
        )


def _looks(pairs: Sequence[HalvesPair]) -> list[Pair]:
    return [pair.read() for pair in few(pairs, _CHECKED)]


def _likeness(one: Image, other: Image) -> float:
    small = [cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA).ravel() for image in (one, other)]
    with np.errstate(invalid='ignore'):
        return float(np.nan_to_num(np.corrcoef(small)[0, 1]))


def _detail(image: Image) -> float:
    return float(np.abs(np.diff(image.astype(np.int16), axis=1)).mean())


def _rain100_layout(kind: str, word: str, train: int) -> Layout:
    # As the set's own archives and PReNet's repack call them.
    folders = {
        'train': ('train', f'rain_data_train_{word}', f'RainTrain{kind}', f'rain_{word.lower()}_train'),
        'test': ('test', f'rain_data_test_{word}', f'Rain100{kind}', f'rain_{word.lower()}_test'),
    }
    tree = (
        f'{{split}}/ ({folders["train"][1]}, {folders["test"][1]}/) with rain-NNN.png beside norain-NNN.png, '
        'in rain/ and norain/, or {split}/{{input,target}}/'
    )
    return Layout(f'Rain100{kind}', tree, partial(_rain100, folders), {'train': train, 'test': 100})


LAYOUTS: dict[LayoutName, Layout] = {
    'rain800': Layout(
        'Rain800',
        '{split}/ (training/, test_syn/) with rainy right of clean in one image, or '
        '{split}/{{input,target}}/',
        _rain800,
        {'train': 700, 'test': 100},
    ),
    'rain100h': _rain100_layout('H', 'Heavy', 1800),
    'rain100l': _rain100_layout('L', 'Light', 200),
    'rain1400': Layout(
        'Rain1400',
        '{split}ing/ (or {split}/) with rainy_image/N_K.jpg, K from 1 to 14, and ground_truth/N.jpg',
        _rain1400,
        {'train': 12_600, 'test': 1_400},
    ),
    'did_mdn': Layout(
        'Rain1200 (DID-MDN)',
        'DID-MDN-training/Rain_Heavy/train2018new/ (Medium, Light) and DID-MDN-test/ with rainy and clean in '
        'one image, or {split}/{{input,target}}/',
        _did_mdn,
        {'train': 12_000, 'test': 1_200},
    ),
    'spa': Layout(
        'SPA-Data',
        'real_world.txt, each line `RAIN GT` with paths from that folder, and real_test_1000/ with '
        'rain/NNN.png and gt/NNNgt.png',
        _spa,
        {'test': 1_000},
    ),
    'raindrop': Layout(
        'raindrops of AGAN',
        '{split}/ (train/, test_a/ or test/) with data/N_rain.png and gt/N_clean.png',
        _raindrop,
        {'train': 861, 'test': 58},
    ),
}
