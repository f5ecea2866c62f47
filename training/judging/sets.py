"""What models are judged on: real pairs as they lie in folders, and held-out photographs degraded here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from restore_node.common.metrics import psnr
from training.data.cutting import WholeCuts
from training.data.layouts.named_pairs import NamedPair
from training.data.patches import MARGIN_PX, PatchMaker, Plan
from training.data.samples import Image, Pair
from training.data.spread import few
from training.data.stored import Extent, Photograph
from training.degradation.blur.trajectory import draw_trajectory
from training.degradation.degrade import within
from training.degradation.fog import FogRanges, draw_fog, in_fog
from training.degradation.linear_light import to_linear
from training.degradation.ranges import DegradationConfig
from training.degradation.sensor import Sensor, expose
from training.evaluation.sets import open_folders, open_published
from training.evaluation.systems import System
from training.judging.baselines import Kernel, knowing

CUTS = WholeCuts(columns=640, rows=360)
"""What photographs are reduced and cut to."""

JUDGED_KINDS = ('blur', 'streaks', 'drops', 'all')
STRENGTHS = {'light': (28.0, 40.0), 'medium': (22.0, 28.0), 'heavy': (0.0, 22.0)}
"""A degradation is as strong as its input is far from the truth: from and below so many dB of PSNR (RGB)."""

_TRIES = 12
_BLUR_PX = 6.0, 20.0


@dataclass(frozen=True)
class MadePair:
    """A pair that was made here and lies nowhere; see `NamedPair`."""

    name: str
    degraded: Image
    sharp: Image
    extents: tuple[Extent, ...] = ()

    def read(self) -> Pair:
        """(degraded, sharp): uint8 [H, W, 3] RGB each."""
        return self.degraded, self.sharp


@dataclass(frozen=True)
class JudgedSet:
    """One or more pairs that are judged together: a name, one word for files, and a sentence on the data.

    Sets of one title share a table, of which each is a level; that is empty where it is all of it. Real ones
    are degraded by the world, not here: never to be committed. Clean ones are not degraded at all: what
    counts is that nothing changes. Knowing are systems of this set alone, which know how it was degraded.
    """

    name: str
    title: str
    level: str
    data: str
    pairs: Sequence[NamedPair]
    real: bool = False
    clean: bool = False
    knowing: tuple[System, ...] = ()


def open_real(given: str, count: int | None) -> JudgedSet:
    """A set of pairs on disk, or so many of them, spread over the set.

    `given` is `LAYOUT=FOLDER` of a published set, whose test pairs are taken, or a folder that holds
    `degraded` and `truth` (or `sharp`) with images of equal names. Raises RestoreError where it is not.
    """
    layout, _, root = given.rpartition('=')
    if layout in ('', 'folders'):
        folder = Path(root)
        found = open_folders(
            folder / 'degraded', folder / ('truth' if (folder / 'truth').is_dir() else 'sharp')
        )
        name = title = folder.name
    else:
        found = open_published(given, 'blur')
        name, title = found.key, f'{found.title}, test half'
    taken = found.limited(count).pairs
    whole = len(taken) == found.available
    counted = f'{len(taken)} pairs' if whole else f'{len(taken)} of {found.available} pairs'
    return JudgedSet(name, title, '', f'{counted}, whole images', taken, real=True)


def clean_sets(photographs: Sequence[Photograph], count: int, seed: int) -> Iterator[JudgedSet]:
    """Sharp, dry photographs, which are their own truth, as they are and in fog."""
    frames = [(photograph.name, _frame(photograph.read(), 0)) for photograph in few(photographs, count)]
    pairs = [MadePair(name, frame, frame) for name, frame in frames]
    foggy = []
    for index, (name, frame) in enumerate(frames):
        fog = draw_fog(FogRanges(), np.random.default_rng([seed, index]))
        foggy.append(MadePair(name, in_fog(frame, fog), in_fog(frame, fog)))
    data = f'{len(frames)} held-out photographs'
    yield JudgedSet('clean', 'Clean frames', '', data, pairs, clean=True)
    yield JudgedSet('fog', 'Clean frames in fog', '', f'{data} in fog made here', foggy, clean=True)


def synthetic_sets(
    photographs: Sequence[Photograph], degradation: DegradationConfig, count: int, seed: int
) -> Iterator[JudgedSet]:
    """Held-out photographs of every kind and strength, at most `count` each, none of what does not occur."""
    maker = PatchMaker(CUTS, degradation)
    for kind in JUDGED_KINDS:
        made: dict[str, list[MadePair]] = {strength: [] for strength in STRENGTHS}
        for attempt in range(_TRIES * count):
            if all(len(pairs) == count for pairs in made.values()):
                break
            photograph = photographs[(attempt * 7919) % len(photographs)]
            rng = np.random.default_rng([seed, JUDGED_KINDS.index(kind), attempt])
            degraded, sharp = maker.make([photograph.read()], Plan(kind), rng)
            db = psnr(degraded, sharp)
            strength = next((name for name, (low, high) in STRENGTHS.items() if low <= db < high), None)
            if strength and len(made[strength]) < count:
                made[strength].append(MadePair(f'{attempt:03d}', degraded, sharp))
        for strength, pairs in made.items():
            if pairs:
                low, high = STRENGTHS[strength]
                data = f'{strength}: {len(pairs)} held-out photographs, inputs of {low:g} to {high:g} dB'
                yield JudgedSet(f'{kind}_{strength}', kind, strength, data, pairs)


def known_blur_set(photographs: Sequence[Photograph], count: int, seed: int) -> JudgedSet:
    """Held-out photographs under a blur that is the same everywhere, which one of the systems knows."""
    pairs, kernels = [], {}
    for index, photograph in enumerate(few(photographs, count)):
        rng = np.random.default_rng([seed, index])
        sharp = _frame(photograph.read(), MARGIN_PX)
        kernel = _kernel(rng)
        # filter2D correlates, and light goes where the kernel says.
        light = cv2.filter2D(to_linear(sharp), cv2.CV_32F, kernel[::-1, ::-1])
        degraded = expose(light, Sensor(read_noise=2e-4, shot_noise=5e-5, seed=index))
        name = f'{index:03d}'
        kernels[name] = kernel
        pairs.append(MadePair(name, within(degraded, MARGIN_PX), within(sharp, MARGIN_PX)))
    title = 'blur, the same everywhere'
    data = f'{len(pairs)} held-out photographs, paths of {_BLUR_PX[0]:g} to {_BLUR_PX[1]:g} px'
    return JudgedSet('blur_known', title, '', data, pairs, knowing=(knowing(kernels),))


def _kernel(rng: np.random.Generator) -> Kernel:
    """Where a point's light goes along a bent path: bilinear, of sum 1."""
    path = draw_trajectory(rng, extent_px=rng.uniform(*_BLUR_PX), curvature=rng.uniform(0.0, 0.6)).shift_px
    reach = int(np.ceil(np.abs(path).max())) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for x_px, y_px in path + reach:
        left, top = int(x_px), int(y_px)
        right, below = x_px - left, y_px - top
        kernel[top : top + 2, left : left + 2] += np.outer((1 - below, below), (1 - right, right))
    return (kernel / kernel.sum()).astype(np.float32)


def _frame(image: Image, margin_px: int) -> Image:
    height, width = image.shape[:2]
    return CUTS.draw(height, width, margin_px, np.random.default_rng(0)).of(image)
