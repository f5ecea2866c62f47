"""What a run measures itself on: pairs of images that it does not train on, the same at every time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.config.data import SourceConfig
from training.config.run import TrainConfig
from training.config.validation import CLEAN, ValidationSetConfig
from training.data.cutting import WholeCuts, middle
from training.data.layouts.named_pairs import NamedPair
from training.data.layouts.registry import find_pairs
from training.data.patches import PatchMaker
from training.data.photographs import find_photographs
from training.data.samples import Pair, padded
from training.data.spread import few, spread
from training.data.stored import Photograph

FRAME_PX = (640, 360)
"""Width and height of photographs where a set does not state its size."""

Held = Sequence[Any]
"""Photographs or pairs, as the configuration of their source says."""


@dataclass(frozen=True)
class ValidationSet:
    """Pairs with the name and the weight that they have in a score; `clean` ones show what a model harms."""

    name: str
    pairs: Sequence[Pair]
    weight: float = 1.0
    clean: bool = False


def validation_sets(held_out: Mapping[str, Held], config: TrainConfig) -> list[ValidationSet]:
    """The sets that a configuration names, or else patches of what its sources hold out, by their names.

    Raises RestoreError where a set is not where the configuration says, or broken.
    """
    if config.validation.sets:
        return [_named(entry, held_out, config) for entry in config.validation.sets]
    return [
        made for source in config.data.sources for made in _patches(source, held_out[source.name], config)
    ]


def own_images(entry: ValidationSetConfig) -> Held:
    """All images of a set that shows none of a source; raises ConfigError where they are not there."""
    if entry.pairs:
        return find_pairs(entry.pairs, 'test')
    assert entry.photographs, 'the configuration says where images come from'
    return find_photographs(entry.photographs.roots, entry.photographs.frame_stride)


def _named(entry: ValidationSetConfig, held_out: Mapping[str, Held], config: TrainConfig) -> ValidationSet:
    images = held_out[entry.held_out_of] if entry.held_out_of else own_images(entry)
    if entry.kind is None:
        size = entry.size or (None, None)
        pairs = [_middle(pair.read(), *size) for pair in few(images, entry.count)]
        return ValidationSet(entry.name, pairs, entry.weight)
    source = config.data.source(entry.held_out_of) if entry.held_out_of else None
    real_motion = source.sharp.real_motion if source else 0.0
    degradation = entry.degradation or (source and source.degradation) or config.degradation
    maker = PatchMaker(WholeCuts(*(entry.size or FRAME_PX)), degradation, real_motion, entry.fog)
    positions = spread(min(entry.count, len(images)), len(images))
    degraded = _degraded(maker, images, positions, entry.kind, config.seed)
    return ValidationSet(entry.name, degraded, entry.weight, clean=entry.kind == CLEAN)


def _patches(source: SourceConfig, images: Held, config: TrainConfig) -> list[ValidationSet]:
    """As many square pairs as the configuration says, named by kind; of several sources also by source."""
    validation, data = config.validation, config.data
    prefix = f'{source.name}_' if len(data.sources) > 1 else ''
    if source.pairs:
        return [ValidationSet(f'{prefix}pairs', middles(few(images, validation.patches), data.crop_px))]
    maker, positions = PatchMaker.of(source, config), spread(validation.patches, len(images))
    made = {kind: _degraded(maker, images, positions, kind, config.seed) for kind in validation.kinds}
    return [ValidationSet(prefix + kind, pairs, clean=kind == CLEAN) for kind, pairs in made.items()]


def _degraded(
    maker: PatchMaker, images: Sequence[Photograph], positions: Sequence[int], kind: str, seed: int
) -> list[Pair]:
    return [maker.first(images, position, kind, [seed, index]) for index, position in enumerate(positions)]


def middles(pairs: Sequence[NamedPair], size: int) -> list[Pair]:
    """Square crops out of the middle of pairs, uint8 [size, size, 3] RGB; smaller images are `padded`."""
    return [
        _middle((padded(degraded, size), padded(sharp, size)), size, size)
        for degraded, sharp in (pair.read() for pair in pairs)
    ]


def _middle(pair: Pair, width: int | None, height: int | None) -> Pair:
    return middle(pair[0], height, width), middle(pair[1], height, width)
