"""Sets of synthetic rain: Rain800 (Zhang et al. 2017), Rain100H and Rain100L (Yang et al. 2017).

All three are also passed on as `input/` and `target/` with equal names, the repack of MPRNet and others. A
later release of Rain100 (also called Rain200, or RainHeavy and RainLight) has its rainy images in a folder
`rain` under the clean image's name: `rain/X2/norain-1x2.png` and `norain/norain-1.png`.
"""

import logging
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from restore_node.common.errors import ConfigError
from restore_node.common.image_files import images_under
from training.config.data import PairsConfig
from training.data.layouts.halves import halves_in, is_right_rainier
from training.data.layouts.named_pairs import NamedPair, match, repacked

log = logging.getLogger('training')

RAIN800_TREE = (
    '{split}/ (training/, test_syn/) with rainy right of clean in one image, or {split}/{{input,target}}/'
)
RAIN100_TREE = (
    '{split}/ ({own}/) with rain-NNN.png beside norain-NNN.png, in rain/ and norain/, or '
    '{split}/{{input,target}}/'
)
REPACKS = (('input', 'target'),)

RAIN800_FOLDERS = {'train': ('train', 'training'), 'test': ('test', 'test_syn', 'Test100')}
# As the set's own archives and PReNet's repack call them.
RAIN100_FOLDERS = {
    kind: {
        'train': ('train', f'rain_data_train_{word}', f'RainTrain{kind}', f'rain_{word.lower()}_train'),
        'test': ('test', f'rain_data_test_{word}', f'Rain100{kind}', f'rain_{word.lower()}_test'),
    }
    for kind, word in (('H', 'Heavy'), ('L', 'Light'))
}
_NUMBERED = re.compile(r'(no)?rain-0*(\d+)(x\d)?$')


def find_rain800(root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs of Rain800; none if there is no such folder.

    Raises:
        ConfigError: images without a partner, or images that are no two halves of one scene.
    """
    for folder in (root / name for name in RAIN800_FOLDERS[split]):
        if pairs := repacked(folder, REPACKS):
            return pairs
        if halves := halves_in(folder):
            # That rain is on the right is how ID-CGAN's code reads its own set (`which_direction=BtoA`).
            if not is_right_rainier(halves):
                log.warning(
                    '%s: the left halves look rainier than the right ones, which are read as rainy', folder
                )
            return halves
    return []


def _find_rain100(kind: str, root: Path, config: PairsConfig, split: str) -> Sequence[NamedPair]:
    """Pairs of Rain100H or L; none if there is no such folder.

    Raises:
        ConfigError: images without a partner.
    """
    for folder in (root / name for name in RAIN100_FOLDERS[kind][split]):
        if pairs := repacked(folder, REPACKS):
            return pairs
        if numbered := _numbered(folder):
            return numbered
    return []


find_rain100h = partial(_find_rain100, 'H')
find_rain100l = partial(_find_rain100, 'L')


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
