"""What a run is fed with: samples to train on, pairs held out to measure on, and the lists of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from training.config.data import PairsConfig
from training.config.run import TrainConfig
from training.data.layouts.named_pairs import NamedPair
from training.data.pair_source import PairSource
from training.data.paired_set import open_pairs, pair_list
from training.data.patch_source import PatchSource
from training.data.photographs import Photograph, data_list, find_photographs, split
from training.data.samples import Pair, Source, StackingSource
from training.data.sharp_source import SharpSource
from training.data.validation import degraded_patches, middles


@dataclass(frozen=True)
class Feed:
    """The data of a run; it can be sent to another process.

    Attributes:
        source: training samples.
        held_out: makes the pairs to measure on, by kind of degradation.
        data, data_held_out: name, images and terms of every set, as a model card lists them.
        files: every image, and whether it is held out, for the run's folder.
    """

    source: Source | StackingSource
    held_out: Callable[[], dict[str, list[Pair]]]
    data: list[dict[str, Any]]
    data_held_out: list[dict[str, Any]]
    files: list[str]


def open_feed(config: TrainConfig) -> Feed:
    """Find a run's data.

    Raises:
        ConfigError: it is not where the configuration says, or not what it says.
    """
    return _pairs(config.data.pairs, config) if config.data.pairs else _photographs(config)


def degrading_source(photographs: Sequence[Photograph], config: TrainConfig) -> Source | StackingSource:
    """Samples from sharp photographs, degraded by the loader or on the device, as the configuration says."""
    kind = SharpSource if config.data.degrade_on == 'device' else PatchSource
    return kind(photographs, config.data, config.degradation, config.seed, config.schedule.batch)


def _photographs(config: TrainConfig) -> Feed:
    sharp, held_out = split(find_photographs(config.data.roots, config.data.frame_stride), config.data)
    return Feed(
        source=degrading_source(sharp, config),
        held_out=partial(degraded_patches, held_out, config),
        data=data_list(sharp, config.data.sets),
        data_held_out=data_list(held_out, config.data.sets),
        files=_files(sharp, held_out),
    )


def _pairs(paired: PairsConfig, config: TrainConfig) -> Feed:
    pairs, held_out = open_pairs(paired, config.data.held_out)
    return Feed(
        source=PairSource(pairs, paired, config.data.crop_px, config.seed, config.schedule.batch),
        held_out=partial(_middles, held_out, config),
        data=pair_list(pairs, paired),
        data_held_out=pair_list(held_out, paired),
        files=_files(pairs, held_out),
    )


def _middles(held_out: Sequence[NamedPair], config: TrainConfig) -> dict[str, list[Pair]]:
    return {'pairs': middles(held_out, config.validation.patches, config.data.crop_px)}


def _files(train: Sequence[Photograph | NamedPair], held_out: Sequence[Photograph | NamedPair]) -> list[str]:
    uses = (('train', train), ('held out', held_out))
    return [f'{use}\t{one.name}' for use, images in uses for one in images]
