"""What a training run is fed with: the `data` part of a configuration."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0)]


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
class DataConfig:
    """Where photographs come from and how patches are cut.

    Attributes:
        roots: folders (searched recursively) or tars of sharp photographs.
        sets: what they are; photographs that match none are listed as `other`.
        held_apart: globs of the photographs kept for validation, by sequence or source, never by frame.
        patch_px: side of a degraded patch in the pool; crop_px: side of the crop that the network sees.
        pool: patches kept by each process; reuse: crops drawn for each new patch.
        smallest_scale: photographs are drawn at a random scale from this to 1.
        workers: processes that make patches beside each training process; 0 makes them in between steps,
            which is best where every core trains.
    """

    roots: Annotated[tuple[str, ...], Field(min_length=1)]
    sets: tuple[DataSet, ...] = ()
    held_apart: tuple[str, ...] = ()
    patch_px: Annotated[int, Field(ge=64, multiple_of=8)] = 256
    crop_px: Annotated[int, Field(ge=64, multiple_of=8)] = 160
    pool: Count = 2000
    reuse: Count = 16
    smallest_scale: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    workers: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.crop_px > self.patch_px:
            raise ValueError(f'crop_px is {self.crop_px}, larger than patch_px {self.patch_px}')
