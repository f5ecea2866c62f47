"""How well a system does on a set: means, harm, and the images to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.quality import WORSE_DB
from training.evaluation.scoring import UNRESTORED, ImageScores, score_pairs
from training.evaluation.sheet import Image, compare, draw_sheet
from training.evaluation.systems import System
from training.judging.sets import JudgedSet

CONVENTION = 'rgb'


@dataclass(frozen=True)
class Verdict:
    """One system on one set, over all its images.

    Attributes:
        images: how many.
        psnr_db, ssim: means before and after restoring, each image's PSNR at most 60 dB.
        made_worse: share of the images that lose more than 0.1 dB, 0..1.
        lowest_db: PSNR of the restored image that is farthest from its truth.
        order: positions in the set from the most loss to the most gain.
    """

    images: int
    psnr_db: tuple[float, float]
    ssim: tuple[float, float]
    made_worse: float
    lowest_db: float
    order: tuple[int, ...]

    @property
    def gain_db(self) -> float:
        """Mean gain of PSNR."""
        return self.psnr_db[1] - self.psnr_db[0]


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
    return Verdict(
        images=len(images),
        psnr_db=(float(before[:, 0].mean()), float(after[:, 0].mean())),
        ssim=(float(before[:, 1].mean()), float(after[:, 1].mean())),
        made_worse=float((gains < -WORSE_DB).mean()),
        lowest_db=float(after[:, 0].min()),
        order=tuple(np.argsort(gains, kind='stable').tolist()),
    )
