"""Sets that have a rainy image and its clean one side by side in a file."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from restore_node.common.errors import ConfigError
from restore_node.common.image_files import is_image
from training.data.layouts.named_pairs import HalvesPair
from training.data.samples import Image, Pair
from training.data.spread import few

_CHECKED = 8


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
