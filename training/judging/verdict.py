"""How well a system does on a set, the images to look at, and what its gain is to be weighed by: its cost."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from restore_node.common.host import describe_host, host_line
from restore_node.common.reference_images import make_reference_images
from restore_node.common.timing import measure_ms
from restore_node.model import load_model
from training.data.samples import Image
from training.evaluation.quality import WORSE_DB, Quality
from training.evaluation.scoring import UNRESTORED, ImageScores, score_pairs
from training.evaluation.sheet import compare, draw_sheet
from training.evaluation.systems import System
from training.judging.sets import JudgedSet

CONVENTION = 'rgb'
FRAME = 360, 640
_WARM, _TIMED = 3, 15


@dataclass(frozen=True, kw_only=True)
class Verdict(Quality):
    """One system on one set: its quality, and positions in the set from the most loss to the most gain.

    `lowest_db` is the PSNR of the restored image that is farthest from its truth.
    """

    lowest_db: float
    order: tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """What a frame of 640x360 costs: milliseconds from pixels to pixels, the median on this machine.

    `kmacs_per_pixel` are thousands of multiply-accumulates; None where nobody counted.
    """

    kmacs_per_pixel: float | None
    milliseconds: float


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
    rows = {}
    for title, place in {'best': -1, 'median': len(verdict.order) // 2, 'worst': 0}.items():
        pair = judged.pairs[verdict.order[place]]
        degraded, sharp = pair.read()
        restored = system.restore(pair.name, degraded)
        rows[title] = [compare(sharp, degraded, restored)]
    return draw_sheet(rows)


def cost_of(system: System, model: str | None = None) -> Cost:
    """Measure a system; `model` is the name or file of the model whose card says what it computes."""
    frame = make_reference_images(np.random.default_rng(0), 1, *FRAME)[0]
    times_ms = measure_ms(lambda: system(frame), _TIMED, _WARM)
    macs = load_model(model).card.macs_per_pixel / 1e3 if model and not model.endswith('.pt') else None
    return Cost(macs, float(np.median(times_ms)))


def machine() -> str:
    """The processor, how many of its cores there are and how busy they are, in words."""
    return f'{host_line(describe_host())}, load {os.getloadavg()[0]:.1f}'


def _verdict(images: Sequence[ImageScores], system: str) -> Verdict:
    before, after = (
        np.array([image.scores[name][CONVENTION] for image in images]) for name in (UNRESTORED, system)
    )
    gains = after[:, 0] - before[:, 0]
    psnr_db, ssim = np.stack((before.mean(axis=0), after.mean(axis=0)), axis=1).tolist()
    return Verdict(
        len(images),
        *(psnr_db[0], psnr_db[1], ssim[0], ssim[1]),
        float((gains < -WORSE_DB).mean()),
        lowest_db=float(after[:, 0].min()),
        order=tuple(np.argsort(gains, kind='stable').tolist()),
    )
