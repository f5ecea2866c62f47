"""Which pairs of a set show the same scene, so that a scene is trained on or held out as a whole.

Sets of synthetic rain show one photograph under several rains. Two pairs are of one scene where their sharp
images, 16 by 16 grey pixels small, correlate by more than `LIKENESS`; what is alike through others is alike.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.layouts.named_pairs import NamedPair
from training.data.remembered import remembered
from training.data.samples import Image

LIKENESS = 0.95
_SIDE = 16


def scenes_of(pairs: Sequence[NamedPair], root: Path) -> list[int]:
    """The number of each pair's scene: that of the first pair which shows it. Raises InputError.

    Looking at a set takes seconds and is remembered in the user's cache folder, by the names, sizes and times
    of its files.
    """
    files = sorted(path for path in root.rglob('*') if path.is_file())
    about = [LIKENESS, _SIDE, [pair.name for pair in pairs]]
    return remembered(
        'scenes', files, about, lambda: group(np.stack([_look(pair.read()[1]) for pair in pairs]))
    )


def group(looks: NDArray[np.float32]) -> list[int]:
    """Number the scenes of looks, float32 [N, D] of mean 0 and length 1: for each the first that is alike."""
    scene = list(range(len(looks)))
    for one, other in np.argwhere(np.triu(looks @ looks.T > LIKENESS, 1)).tolist():
        first, second = sorted((scene[one], scene[other]))
        if first != second:
            scene = [first if number == second else number for number in scene]
    return scene


def hold_out_scenes(
    pairs: Sequence[NamedPair], root: Path, share: float
) -> tuple[list[NamedPair], list[NamedPair]]:
    """The pairs to train on, and those of this share of the scenes, at least one. Raises InputError.

    Held out are the scenes whose first pair's name hashes lowest: the same for every seed and machine, and
    hardly others where pairs are added.
    """
    scenes = scenes_of(pairs, root)
    order = sorted(set(scenes), key=lambda scene: hashlib.sha256(pairs[scene].name.encode()).digest())
    apart = order[: max(1, round(share * len(order)))]
    sides: tuple[list[NamedPair], list[NamedPair]] = ([], [])
    for pair, scene in zip(pairs, scenes, strict=True):
        sides[scene in apart].append(pair)
    return sides


def _look(image: Image) -> NDArray[np.float32]:
    """float32 [256], mean 0, length 1 (0 for an even image)."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    look = small.astype(np.float32).ravel() - small.mean(dtype=np.float32)
    return look / max(float(np.linalg.norm(look)), 1e-6)
