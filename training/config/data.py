"""What a training run is fed with: the `data` part of a configuration."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from training.config.bounded import Count, Positive

LayoutName = Literal['gopro', 'realblur_j', 'realblur_r', 'rain800', 'rain100h', 'rain100l', 'folders']
"""Layouts of paired sets; see layouts/registry.py."""


@dataclass(frozen=True)
class DataSet:
    """Photographs of one origin, for the model card and for sampling.

    Attributes:
        name: as the card lists it.
        files: glob over paths relative to their root, `*` matches `/` too; the first set that matches counts.
        terms: what one may do with them.
        weight: how much more often than others one of its photographs is drawn.
    """

    name: str
    files: str
    terms: str
    weight: Positive = 1.0


@dataclass(frozen=True)
class PairsConfig:
    """Pairs of degraded and sharp images on disk, in a published layout or one's own.

    Attributes:
        layout: how they lie there, see the files of `layouts/`.
        root: the set's folder, the one that its archive unpacks to.
        variant: of `gopro`, which response its blur was made with: `blur` (linear) or `blur_gamma` (2.2).
        degraded, sharp: of `folders`, the two folders under the root, with equal names inside.
        noise: standard deviation of the Gaussian noise that is added to degraded crops, grey levels of 255.
        crops_per_read: crops taken from a pair each time it is read; they go into different batches.
        flips: crops are mirrored at random, both ways; turns: and turned by 90 degrees.
        terms: what one may do with the set, for the model card.
    """

    layout: LayoutName
    root: str
    variant: Literal['blur', 'blur_gamma'] = 'blur'
    degraded: str = 'degraded'
    sharp: str = 'sharp'
    noise: Annotated[float, Field(ge=0.0)] = 0.0
    crops_per_read: Count = 4
    flips: bool = True
    turns: bool = False
    terms: str = 'not stated'

    def __post_init__(self) -> None:
        if self.variant != 'blur' and self.layout != 'gopro':
            raise ValueError(f'variant is {self.variant}, which only the layout gopro has')


@dataclass(frozen=True)
class DataConfig:
    """Either sharp photographs, which are degraded here (`roots`), or pairs on disk (`pairs`).

    Attributes:
        roots: folders (searched recursively) or tars of sharp photographs, videos, rosbag2 bags.
        pairs: a paired set.
        sets: what the photographs are; those that match none are listed as `other`.
        held_out: globs of what is kept for validation, by sequence or source, never by frame. Of pairs,
            when empty: the set's test pairs, which are looked at and nothing else.
        crop_px: side of the crop that the network sees.
        workers: processes that make samples beside each training process; 0 makes them in between steps,
            which is best where every core trains. Of photographs take 1, 2, 4, 8 or 16: then each patch is
            made by one of them.

    Attributes of photographs only:
        patch_px: side of a degraded patch, from which crops are taken.
        pool: patches to draw from at any time, over all processes, at least 64 for each sample of a batch;
            they stay in memory, 6 * patch_px^2 bytes each.
        reuse: crops drawn for each new patch.
        smallest_scale: photographs are drawn at a random scale from this to 1.
        degrade_on: who degrades them: the `loader`, on the CPU, or the training `device`, in batches by
            `training.degradation_torch`, because CPU cores cannot feed a large GPU.
        frame_stride: every n-th frame of videos and bags is a photograph.
        real_motion: share of their blurred patches whose blur is the motion between neighbouring frames; for
            cameras that turn or rates low enough, or there is little of it (with `degrade_on: loader` only).
        flips: crops are mirrored at random, both ways; turns: and turned by 90 degrees.
    """

    roots: tuple[str, ...] = ()
    pairs: PairsConfig | None = None
    sets: tuple[DataSet, ...] = ()
    held_out: tuple[str, ...] = ()
    crop_px: Annotated[int, Field(ge=64, multiple_of=8)] = 160
    workers: Annotated[int, Field(ge=0)] = 0
    patch_px: Annotated[int, Field(ge=64, multiple_of=8)] = 256
    pool: Count = 2000
    reuse: Count = 16
    smallest_scale: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    degrade_on: Literal['loader', 'device'] = 'loader'
    frame_stride: Count = 10
    real_motion: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    flips: bool = True
    turns: bool = True

    def __post_init__(self) -> None:
        if bool(self.roots) == bool(self.pairs):
            both = 'both' if self.pairs else 'neither'
            raise ValueError(f'{both} of roots and pairs given, want one of them')
        if self.pairs and self.degrade_on == 'device':
            raise ValueError('degrade_on is device, and pairs are degraded already')
        if self.real_motion and self.degrade_on == 'device':
            raise ValueError(f'real_motion is {self.real_motion}, which degrade_on: device does not know')
        if not self.pairs and self.crop_px > self.patch_px:
            raise ValueError(f'crop_px is {self.crop_px}, larger than patch_px {self.patch_px}')
