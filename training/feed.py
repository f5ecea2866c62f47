"""What a run is fed with: samples to train on, pairs held apart to measure on, and the lists of both."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.config import TrainConfig
from training.data.patches import PatchSource
from training.data.photographs import Photograph, data_list, find_photographs, split
from training.data.samples import Pair, Source
from training.evaluation.held_apart import validation_pairs


@dataclass(frozen=True)
class Feed:
    """The data of a run; it can be sent to another process.

    Attributes:
        source: training samples.
        held_apart: makes the pairs to measure on, by kind of degradation.
        data, data_held_apart: name, images and terms of every set, as a model card lists them.
        files: every image, and whether it is held apart, for the run's folder.
    """

    source: Source
    held_apart: Callable[[], dict[str, list[Pair]]]
    data: list[dict[str, Any]]
    data_held_apart: list[dict[str, Any]]
    files: list[str]


def open_feed(config: TrainConfig) -> Feed:
    """Find a run's data.

    Raises:
        ConfigError: it is not where the configuration says, or not what it says.
    """
    sharp, apart = split(find_photographs(config.data.roots, config.data.frame_stride), config.data)
    return Feed(
        source=PatchSource(sharp, config.data, config.degradation, config.seed, config.schedule.batch),
        held_apart=_PhotographPairs(apart, config),
        data=data_list(sharp, config.data.sets),
        data_held_apart=data_list(apart, config.data.sets),
        files=[
            f'{use}\t{photograph.name}'
            for use, photographs in (('train', sharp), ('held apart', apart))
            for photograph in photographs
        ],
    )


@dataclass(frozen=True)
class _PhotographPairs:
    """Patches of photographs, degraded."""

    photographs: list[Photograph]
    config: TrainConfig

    def __call__(self) -> dict[str, list[Pair]]:
        return validation_pairs(self.photographs, self.config)
