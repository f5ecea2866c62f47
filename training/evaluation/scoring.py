"""Scores of systems on the images of a test set."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
import torch

from restore_node.common.errors import InputError, RestoreError
from training.data.layouts.named_pairs import NamedPair
from training.data.samples import Image
from training.evaluation.alignment import AlignmentError
from training.evaluation.conventions import CONVENTIONS, Score
from training.evaluation.systems import System
from training.losses.lpips import LpipsLoss

UNRESTORED = 'unrestored input'
"""What the degraded images themselves are called, beside the systems that restored them."""

Distance = Callable[[Image, Image], float]
"""How different two images look, uint8 [H, W, 3] RGB of one size; 0 where they look the same."""

MOST_WORKERS = 8
"""Every comparison of a 1280x720 frame takes about 200 MB."""


@dataclass(frozen=True)
class ImageScores:
    """One image of a test set: its name there, width and height, and scores by system, by convention.

    A score is None where the image could not be aligned. With them go the systems that left it unchanged, and
    distances by system, LPIPS to the truth, where that was asked for.
    """

    name: str
    size: tuple[int, int]
    scores: dict[str, dict[str, Score | None]]
    unchanged: tuple[str, ...] = ()
    distances: dict[str, float] = field(default_factory=dict)


class Mean(NamedTuple):
    """Means over `images` images: PSNR in dB, each image's at most 60, and SSIM."""

    psnr_db: float
    ssim: float
    images: int


def open_lpips(network: str) -> Distance:
    """LPIPS (Zhang et al. 2018) on the CPU, over the features of `alex`, `vgg` or `squeeze`.

    Raises ConfigError where torchvision or the weights are missing; nothing is downloaded.
    """
    compare = LpipsLoss(network).eval()

    def distance(restored: Image, truth: Image) -> float:
        planes = (torch.from_numpy(image).permute(2, 0, 1)[None] / 255.0 for image in (restored, truth))
        with torch.inference_mode():
            return compare(*planes).item()

    return distance


def score_pairs(
    pairs: Sequence[NamedPair],
    systems: Sequence[System],
    conventions: Sequence[str],
    first: str = UNRESTORED,
    distance: Distance | None = None,
) -> Iterator[ImageScores]:
    """Restore and score every image, one after the other, comparing beside restoring.

    The first image of each pair is scored as it is under the name `first`; a distance is measured as well.
    What was yielded, in the order of the pairs, stays true if a later one fails. Raises RestoreError, which
    names the image, where one cannot be read, restored or compared.
    """
    waiting: list[Future[ImageScores]] = []
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    with _one_thread_each(), ThreadPoolExecutor(workers) as pool:
        for pair in pairs:
            degraded, sharp = pair.read()
            images = {first: degraded}
            images |= {system.name: system.restore(pair.name, degraded) for system in systems}
            waiting.append(pool.submit(_score, pair.name, images, sharp, conventions, distance))
            if len(waiting) > workers:
                yield waiting.pop(0).result()
        yield from (future.result() for future in waiting)


def mean(images: Sequence[ImageScores], system: str, convention: str) -> Mean | None:
    """Mean over the images that have a score; None if none has."""
    scores = [image.scores[system][convention] for image in images]
    known = [score for score in scores if score is not None]
    if not known:
        return None
    psnr_db, ssim = np.mean(known, axis=0).tolist()
    return Mean(psnr_db, ssim, len(known))


def mean_distance(images: Sequence[ImageScores], system: str) -> float | None:
    """Mean LPIPS over the images for which it is known; None if it is for none."""
    known = [image.distances[system] for image in images if system in image.distances]
    return float(np.mean(known)) if known else None


def _score(
    name: str,
    images: Mapping[str, Image],
    sharp: Image,
    conventions: Sequence[str],
    distance: Distance | None,
) -> ImageScores:
    try:
        scores = {
            system: {convention: _one(image, sharp, convention) for convention in conventions}
            for system, image in images.items()
        }
    except RestoreError as error:
        raise InputError(f'test image {name}', seen=error) from error
    (_, degraded), *restored = images.items()
    unchanged = tuple(system for system, image in restored if np.array_equal(image, degraded))
    distances = {system: distance(image, sharp) for system, image in images.items()} if distance else {}
    return ImageScores(name, (sharp.shape[1], sharp.shape[0]), scores, unchanged, distances)


def _one(image: Image, sharp: Image, convention: str) -> Score | None:
    try:
        return CONVENTIONS[convention].score(image, sharp)
    except AlignmentError:
        return None


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep OpenCV from starting threads inside of ours."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
