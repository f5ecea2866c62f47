"""Pairs of degraded and sharp crops, without end.

Degrading a patch takes about as long as a training step, so patches live in a pool: each new one is cut from
a photograph and degraded once, and every draw takes a random crop of a random patch, flipped at random.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from training.data.config import DataConfig
from training.data.photographs import Photograph, set_of
from training.degradation.sample import DegradationConfig, degrade, draw, draw_kind

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]

MARGIN_PX = 32
"""Cut off after degrading: what moves in over the border of a patch is not what a real camera would see."""

_FIRST_PATCHES = 64
_PATCHES_PER_PHOTOGRAPH = 4


class PatchStream(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Endless (degraded, sharp) crops: uint8 [3, crop, crop] RGB tensors, 0..255.

    The stream is a function of `seed` and of the number of workers.
    """

    def __init__(
        self,
        photographs: Sequence[Photograph],
        data: DataConfig,
        degradation: DegradationConfig,
        seed: Sequence[int],
    ) -> None:
        self._photographs, self._data, self._degradation = photographs, data, degradation
        self._seed = seed
        weights = np.array([set_of(photograph, data.sets).weight for photograph in photographs])
        self._chances = weights / weights.sum()

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        worker = get_worker_info()
        index, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        if worker:
            # A worker is one core: OpenCV's own threads would only compete with the trainer's.
            cv2.setNumThreads(1)
        rng = np.random.default_rng([*self._seed, index])
        capacity = max(1, self._data.pool // workers)
        patches = self._patches(rng)
        pool = [next(patches) for _ in range(min(_FIRST_PATCHES, capacity))]
        while True:
            for _ in range(self._data.reuse):
                yield self._crop(pool[rng.integers(len(pool))], rng)
            if len(pool) < capacity:
                pool.append(next(patches))
            else:
                pool[rng.integers(capacity)] = next(patches)

    def _patches(self, rng: np.random.Generator) -> Iterator[Pair]:
        while True:
            photograph = self._photographs[rng.choice(len(self._photographs), p=self._chances)]
            image = photograph.read()
            for _ in range(_PATCHES_PER_PHOTOGRAPH):
                kind = draw_kind(self._degradation, rng)
                yield make_pair(image, kind, self._data, self._degradation, rng)

    def _crop(self, pair: Pair, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        size = self._data.crop_px
        top, left = rng.integers(self._data.patch_px - size + 1, size=2)
        flips = tuple(axis for axis in (0, 1) if rng.random() < 0.5)
        degraded, sharp = (
            torch.from_numpy(
                np.flip(image[top : top + size, left : left + size], flips).transpose(2, 0, 1).copy()
            )
            for image in pair
        )
        return degraded, sharp


def make_pair(
    image: NDArray[np.uint8],
    kind: str,
    data: DataConfig,
    degradation: DegradationConfig,
    rng: np.random.Generator,
) -> Pair:
    """A (degraded, sharp) pair: uint8 [patch, patch, 3] RGB each, cut anywhere from the photograph."""
    size = data.patch_px + 2 * MARGIN_PX
    sharp = _cut(_scaled(image, size, data.smallest_scale, rng), size, rng)
    degraded = degrade(sharp, draw(degradation, kind, size, size, rng))
    inner = slice(MARGIN_PX, -MARGIN_PX)
    return np.ascontiguousarray(degraded[inner, inner]), np.ascontiguousarray(sharp[inner, inner])


def _scaled(
    image: NDArray[np.uint8], size: int, smallest_scale: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The photograph at a random smaller scale, which also makes soft photographs sharp."""
    least = min(1.0, max(smallest_scale, size / min(image.shape[:2])))
    scale = rng.uniform(least, 1.0)
    return (
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 0.98 else image
    )


def _cut(image: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    short = [max(0, size - side) for side in image.shape[:2]]
    if any(short):
        image = np.pad(image, ((0, short[0]), (0, short[1]), (0, 0)), mode='symmetric')
    top, left = (rng.integers(side - size + 1) for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + size, left : left + size])
