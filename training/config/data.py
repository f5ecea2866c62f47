"""What a training run is fed with: the `data` part of a configuration."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from training.config.rules import BelowOne, Count, Positive, check_names, check_one_of
from training.degradation.fog import NO_FOG, FogRanges
from training.degradation.ranges import DegradationConfig

Blurred = Literal['gopro', 'realblur_j', 'realblur_r', 'reds']
Rainy = Literal['rain800', 'rain100h', 'rain100l', 'rain1400', 'did_mdn', 'spa', 'raindrop']
Own = Literal['folders', 'suffixes']
LayoutName = Literal[Blurred, Rainy, Own]
"""Layouts of paired sets; see layouts/registry.py. Those of one's own pairs have no test half."""

Name = Annotated[str, Field(pattern=r'^[A-Za-z0-9][A-Za-z0-9_-]*$')]
"""Of a source or a validation set: keys of the command line and of the records."""

Paths = Annotated[tuple[str, ...], Field(min_length=1)]
Scale = Annotated[float, Field(gt=0.0, le=1.0)]


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
class SharpConfig:
    """Sharp pictures, which are degraded here.

    Attributes:
        roots: where they lie.
        sets: what they are; those that match none are listed as `other`.
        held_out: globs of what is kept for validation, by sequence or source, never by frame.
        smallest_scale: they are drawn at a random scale from this to 1.
    """

    roots: Paths
    sets: tuple[DataSet, ...] = ()
    held_out: tuple[str, ...] = ()
    smallest_scale: Scale = 0.5


@dataclass(frozen=True)
class PhotographsConfig(SharpConfig):
    """Photographs: roots are folders (searched recursively) or tars of them, videos, rosbag2 bags.

    Attributes:
        frame_stride: every n-th frame of videos and bags is a photograph.
        real_motion: share of the blurred patches of videos and bags whose blur is the motion between
            neighbouring frames; for cameras that turn or rates low enough, or there is little of it.
    """

    frame_stride: Count = 10
    real_motion: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


@dataclass(frozen=True)
class SequencesConfig(SharpConfig):
    """Consecutive frames of one camera: their blur is the motion from one frame to the next.

    Roots are folders, of which every one that holds images is a sequence in the order of their names, also
    several at once (`drives/monday_*`); videos; rosbag2 bags, each topic of which is a sequence. Globs see
    `SEQUENCE/FILE`.

    Attributes:
        frame_stride: an exposure begins at every n-th frame.
    """

    frame_stride: Count = 1

    @property
    def real_motion(self) -> float:
        """Share of the blurred patches whose blur is the frames' own motion: all."""
        return 1.0


@dataclass(frozen=True)
class PairsConfig:
    """Pairs of degraded and sharp images on disk, in a published layout or one's own.

    Attributes:
        layout: how they lie there, see data/layouts/.
        root: the set's folder, the one that its archive unpacks to.
        variant: of `gopro`, which response its blur was made with: `blur` (linear) or `blur_gamma` (2.2).
        degraded, sharp: of `folders`, the two folders under the root, with equal names inside; of `suffixes`,
            the endings of names, such as `rain` and `clean` of `7_rain.png` and `7_clean.png`.
        held_out: globs over the pairs' names: what is kept for validation. When neither these nor scenes are
            given: the set's test pairs, which are looked at and nothing else.
        held_out_scenes: instead, this share of the set's scenes, see scenes.py: many sets show one scene
            several times.
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
    held_out: tuple[str, ...] = ()
    held_out_scenes: BelowOne = 0.0
    noise: Annotated[float, Field(ge=0.0)] = 0.0
    crops_per_read: Count = 4
    flips: bool = True
    turns: bool = False
    terms: str = 'not stated'

    def __post_init__(self) -> None:
        if self.variant != 'blur' and self.layout != 'gopro':
            raise ValueError(f'variant is {self.variant}, which only the layout gopro has')
        if self.held_out and self.held_out_scenes:
            raise ValueError('both held_out and held_out_scenes given, want one of them')


@dataclass(frozen=True)
class SourceConfig:
    """One of the sources that a training draws from: photographs, sequences or pairs.

    Attributes:
        name: its own.
        weight: the share of all samples that it gives, before all weights are scaled to a sum of 1.
        photographs, sequences, pairs: exactly one of them.
        degradation: how its frames are degraded, where not as the run says; what it does not name is as the
            run says. Pairs are degraded already: they get what is named here on top, and nothing otherwise.
    """

    name: Name
    weight: Positive = 1.0
    photographs: PhotographsConfig | None = None
    sequences: SequencesConfig | None = None
    pairs: PairsConfig | None = None
    degradation: DegradationConfig | None = None

    def __post_init__(self) -> None:
        check_one_of(self, 'photographs', 'sequences', 'pairs')

    @property
    def sharp(self) -> PhotographsConfig | SequencesConfig:
        """The photographs or sequences that it degrades; not for pairs, which are degraded already."""
        sharp = self.photographs or self.sequences
        assert sharp, f'{self.name} is a source of pairs'
        return sharp


@dataclass(frozen=True)
class DataConfig:
    """The mixture, and how samples are cut from it.

    A single source is written shorter, see short_form.py: `roots` and the other keys of PhotographsConfig, or
    `pairs`, in place of `sources`.

    Attributes:
        sources: drawn from by weight, every sample from one of them.
        crop_px: side of the crop that the network sees.
        workers: processes that make samples beside each training process; 0 makes them in between steps,
            which is best where every core trains. Of photographs take 1, 2, 4, 8 or 16: then each patch is
            made by one of them.
        skip_broken: images whose files are no images or cut off are left out; otherwise they are refused.

    Attributes of photographs and sequences only:
        patch_px: side of a degraded patch, from which crops are taken.
        pool: patches to draw from at any time, over all processes and sources, at least 64 for each sample of
            a batch; they stay in memory, 6 * patch_px^2 bytes each.
        reuse: crops drawn for each new patch.
        flips: crops are mirrored at random, both ways; turns: and turned by 90 degrees.
        fog: what some of their scenes are in, the truth included.
    """

    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    crop_px: Annotated[int, Field(ge=64, multiple_of=8)] = 160
    workers: Annotated[int, Field(ge=0)] = 0
    skip_broken: bool = False
    patch_px: Annotated[int, Field(ge=64, multiple_of=8)] = 256
    pool: Count = 2000
    reuse: Count = 16
    flips: bool = True
    turns: bool = True
    fog: FogRanges = NO_FOG

    def __post_init__(self) -> None:
        check_names('sources', self.sources)
        if not all(source.pairs for source in self.sources) and self.crop_px > self.patch_px:
            raise ValueError(f'crop_px is {self.crop_px}, larger than patch_px {self.patch_px}')

    def share(self, source: SourceConfig) -> float:
        """The part of all samples that a source gives, 0..1."""
        return source.weight / sum(other.weight for other in self.sources)

    def source(self, name: str) -> SourceConfig | None:
        """The source of a name, if there is one."""
        return next((source for source in self.sources if source.name == name), None)
