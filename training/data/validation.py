"""What a run measures itself on: pairs of images that it does not train on, the same at every time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from restore_node.common.errors import InputError
from training.config.data import SourceConfig
from training.config.run import TrainConfig
from training.config.validation import CLEAN, ValidationSetConfig
from training.data.cutting import Cuts, SquareCuts, WholeCuts
from training.data.layouts.named_pairs import NamedPair
from training.data.paired_set import pairs_to_measure
from training.data.patches import make_patch, plan_patch, read_frames
from training.data.photographs import Photograph, find_photographs
from training.data.samples import Pair, padded
from training.data.spread import spread
from training.degradation.blur.real_motion import BadMotionError
from training.degradation.ranges import DegradationConfig

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
    """The sets that a configuration names, or else patches of what its sources hold out.

    Args:
        held_out: by the names of the sources.
        config: of the run.

    Raises:
        RestoreError: a set is not where the configuration says, or broken.
    """
    if config.validation.sets:
        return [_named(entry, held_out, config) for entry in config.validation.sets]
    return [
        made for source in config.data.sources for made in _patches(source, held_out[source.name], config)
    ]


def _named(entry: ValidationSetConfig, held_out: Mapping[str, Held], config: TrainConfig) -> ValidationSet:
    source = config.data.source(entry.held_out_of) if entry.held_out_of else None
    if entry.kind is None:
        found = pairs_to_measure(entry.pairs) if entry.pairs else held_out[entry.held_out_of or '']
        pairs = _few(found, entry.count)
        made = [_middle(pair.read(), *entry.size) if entry.size else pair.read() for pair in pairs]
        return ValidationSet(entry.name, made, entry.weight)
    if source:
        images, real_motion = held_out[source.name], source.sharp.real_motion
    else:
        assert entry.photographs, 'the configuration says where images come from'
        images, real_motion = find_photographs(entry.photographs.roots, entry.photographs.frame_stride), 0.0
    degradation = entry.degradation or (source and source.degradation) or config.degradation
    cuts = WholeCuts(*(entry.size or FRAME_PX))
    positions = spread(min(entry.count, len(images)), len(images))
    degraded = _degraded(images, positions, entry.kind, cuts, degradation, config.seed, real_motion)
    return ValidationSet(entry.name, degraded, entry.weight, clean=entry.kind == CLEAN)


def _patches(source: SourceConfig, images: Held, config: TrainConfig) -> list[ValidationSet]:
    """As many square pairs as the configuration says, named by kind; of several sources also by source."""
    validation, data = config.validation, config.data
    prefix = f'{source.name}_' if len(data.sources) > 1 else ''
    if source.pairs:
        chosen = _few(images, validation.patches)
        return [
            ValidationSet(f'{prefix}pairs', middles(chosen, data.crop_px)),
        ]
    cuts = SquareCuts(data.patch_px, source.sharp.smallest_scale)
    degradation = source.degradation or config.degradation
    positions = spread(validation.patches, len(images))
    made = {
        kind: _degraded(images, positions, kind, cuts, degradation, config.seed, source.sharp.real_motion)
        for kind in validation.kinds
    }
    return [ValidationSet(prefix + kind, pairs, clean=kind == CLEAN) for kind, pairs in made.items()]


def _degraded(
    photographs: Sequence[Photograph],
    positions: Sequence[int],
    kind: str,
    cuts: Cuts,
    degradation: DegradationConfig,
    seed: int,
    real_motion: float,
) -> list[Pair]:
    return [
        first_pair(
            [*photographs[position:], *photographs[:position]],
            kind,
            cuts,
            degradation,
            [seed, index],
            real_motion,
        )
        for index, position in enumerate(positions)
    ]


def first_pair(
    candidates: Sequence[Photograph],
    kind: str,
    cuts: Cuts,
    degradation: DegradationConfig,
    seed: Sequence[int],
    real_motion: float,
) -> Pair:
    """A pair from the first photograph that makes one: where motion is bad, from the frame behind it."""
    refused: BadMotionError | None = None
    for photograph in candidates:
        rng = np.random.default_rng(seed)
        plan = plan_patch(photograph, kind, degradation, real_motion, rng)
        try:
            return make_patch(read_frames(photograph, [plan]), plan, cuts, degradation, rng)
        except BadMotionError as error:
            refused = error
    raise InputError(
        'held-out sequences without usable motion',
        seen=refused,
        wanted='sharp frames of one camera that follow each other',
        fix='hold out others',
    )


def _few(images: Held, count: int) -> Held:
    return [images[position] for position in spread(min(count, len(images)), len(images))]


def middles(pairs: Sequence[NamedPair], size: int) -> list[Pair]:
    """Square crops out of the middle of pairs, uint8 [size, size, 3] RGB; smaller images are `padded`."""
    return [
        _middle((padded(degraded, size), padded(sharp, size)), size, size)
        for degraded, sharp in (pair.read() for pair in pairs)
    ]


def _middle(pair: Pair, width: int, height: int) -> Pair:
    """The middle of a pair, at most so large."""
    top, left = (
        max(0, whole - side) // 2 for whole, side in zip(pair[0].shape, (height, width), strict=False)
    )
    part = slice(top, top + height), slice(left, left + width)
    return np.ascontiguousarray(pair[0][part]), np.ascontiguousarray(pair[1][part])
