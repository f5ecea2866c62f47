"""How well a system does on a set: means, harm, and the images to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from training.data.samples import Image
from training.evaluation.quality import WORSE_DB, Quality
from training.evaluation.scoring import UNRESTORED, ImageScores, score_pairs
from training.evaluation.sheet import compare, draw_sheet
from training.evaluation.systems import System
from training.judging.sets import JudgedSet

CONVENTION = 'rgb'


@dataclass(frozen=True, kw_only=True)
class Verdict(Quality):
    """One system on one set, over all its images.

    Attributes:
        lowest_db: PSNR of the restored image that is farthest from its truth.
        order: positions in the set from the most loss to the most gain.
    """

    lowest_db: float
    order: tuple[int, ...]


def judge(
    judged: JudgedSet, systems: Sequence[System], done: Callable[[], None] = lambda: None
) -> dict[str, Verdict]:
    """Every system's verdict on a set, by name, with those that know the set."""
    all_systems = (*systems, *judged.knowing)
    images = []
    for image in score_pairs(judged.pairs, all_systems, [CONVENTION]):
        images.append(image)
        done()
    return {system.name: _verdict(images, system.name) for system in all_systems}


def look(judged: JudgedSet, system: System, verdict: Verdict) -> Image:
    """A sheet of the best, the median and the worst image of a set: degraded, restored, sharp.

    uint8 [H, W, 3] RGB.
    """
    places = {
        'best': verdict.order[-1],
        'median': verdict.order[len(verdict.order) // 2],
        'worst': verdict.order[0],
    }
    rows = {}
    for title, place in places.items():
        pair = judged.pairs[place]
        degraded, sharp = pair.read()
        restored = system.restore(pair.name, degraded)
        rows[title] = [compare(sharp, degraded, restored)]
    return draw_sheet(rows)


def _verdict(images: Sequence[ImageScores], system: str) -> Verdict:
    before, after = (
        np.array([image.scores[name][CONVENTION] for image in images]) for name in (UNRESTORED, system)
    )
    gains = after[:, 0] - before[:, 0]
    (psnr_degraded, ssim_degraded), (psnr_restored, ssim_restored) = before.mean(axis=0), after.mean(axis=0)
    return Verdict(
        len(images),
        float(psnr_degraded),
        float(psnr_restored),
        float(ssim_degraded),
        float(ssim_restored),
        float((gains < -WORSE_DB).mean()),
        lowest_db=float(after[:, 0].min()),
        order=tuple(np.argsort(gains, kind='stable').tolist()),
    )
