"""What a run is fed with: samples to train on, pairs held out to measure on, and the lists of both."""

import logging
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from restore_node.common.errors import ConfigError
from training.config.data import SourceConfig
from training.config.run import TrainConfig
from training.data.checking import look_at_headers, without
from training.data.contents import listing, overlaps
from training.data.layouts.registry import open_pairs, title_of
from training.data.mixture import Mixture
from training.data.pair_source import PairSource
from training.data.patch_source import PatchSource
from training.data.photographs import data_list, find_photographs, hold_out
from training.data.samples import Source
from training.data.sequences import find_sequences
from training.data.validation import Held, ValidationSet, own_images, validation_sets

log = logging.getLogger('training')


@dataclass(frozen=True)
class OpenSource:
    """One source of a mixture: its configuration, and what it found."""

    config: SourceConfig
    train: Held
    held_out: Held

    def samples(self, config: TrainConfig) -> Source:
        """Its training samples; `config` is the run's."""
        own, data, batch = self.config, config.data, config.schedule.batch
        seed = _seed(config, own)
        if own.pairs:
            return PairSource(self.train, own.pairs, data.crop_px, seed, batch, own.degradation)
        degradation = own.degradation or config.degradation
        return PatchSource(self.train, own.sharp, data, degradation, seed, batch, data.share(own))

    def listed(self, images: Held) -> list[dict[str, Any]]:
        """What a model card says of some of its images."""
        if pairs := self.config.pairs:
            return [{'name': title_of(pairs), 'images': len(images), 'terms': pairs.terms}]
        return data_list(images, self.config.sharp.sets)


@dataclass(frozen=True)
class Feed:
    """The data of a run: samples to train on, and the sources that it opened for them."""

    config: TrainConfig
    opened: Sequence[OpenSource]
    source: Source

    def held_out(self) -> list[ValidationSet]:
        """The sets of pairs to measure on."""
        return validation_sets({source.config.name: source.held_out for source in self.opened}, self.config)

    @property
    def data(self) -> list[dict[str, Any]]:
        """Name, images and terms of every set that is trained on, as a model card lists them."""
        return _joined(source.listed(source.train) for source in self.opened)

    @property
    def data_held_out(self) -> list[dict[str, Any]]:
        """The same of what is held out."""
        return _joined(source.listed(source.held_out) for source in self.opened)

    def files(self) -> list[str]:
        """Every image with its source, use and digest, see contents.py."""
        return [
            line
            for source in self.opened
            for use, images in (('train', source.train), ('held out', source.held_out))
            for line in listing(source.config.name, use, images)
        ]

    def overlaps(self) -> list[str]:
        """The images that are trained on and measured on at once, by content."""
        measured = {source.config.name: source.held_out for source in self.opened}
        own = self.config.validation.own_sets
        measured |= {f'validation/{entry.name}': own_images(entry) for entry in own}
        return overlaps({source.config.name: source.train for source in self.opened}, measured)


def open_feed(config: TrainConfig) -> Feed:
    """Find a run's data; raises ConfigError where it is not what the configuration says."""
    opened = [_sound(open_source(source), config) for source in config.data.sources]
    samples = [source.samples(config) for source in opened]
    weights = [source.config.weight for source in opened]
    one = len(samples) == 1
    source = samples[0] if one else Mixture(samples, weights, config.seed, config.schedule.batch)
    return Feed(config, opened, source)


def open_source(source: SourceConfig) -> OpenSource:
    """Find one source's images; raises ConfigError where they are not what its configuration says."""
    if source.pairs:
        return OpenSource(source, *open_pairs(source.pairs))
    sharp = source.sharp
    find = find_photographs if source.photographs else find_sequences
    return OpenSource(source, *hold_out(find(sharp.roots, sharp.frame_stride), sharp.held_out))


def _sound(source: OpenSource, config: TrainConfig) -> OpenSource:
    """A source whose images are all there and whole, as far as headers say; raises ConfigError otherwise."""
    problems = look_at_headers([*source.train, *source.held_out])
    if not problems:
        return source
    if not config.data.skip_broken:
        raise ConfigError(
            f'{source.config.name} has images that cannot be used',
            seen=f'{len(problems)}, first {problems[0]}',
            fix='see all with training.commands.check_data, or leave them out with data.skip_broken=true',
        )
    for problem in problems:
        log.warning('%s leaves out %s', source.config.name, problem)
    sides = without(source.train, problems), without(source.held_out, problems)
    if not all(sides):
        raise ConfigError(f'{source.config.name} has no images left', seen=f'{len(problems)} that are broken')
    return OpenSource(source.config, *sides)


def _seed(config: TrainConfig, source: SourceConfig) -> int:
    """Sources of one run draw apart from each other, whatever their order."""
    if len(config.data.sources) == 1:
        return config.seed
    named = [config.seed, zlib.crc32(source.name.encode())]
    return int(np.random.SeedSequence(named).generate_state(1, np.uint64)[0])


def _joined(lists: Any) -> list[dict[str, Any]]:
    """Sets of all sources; of sets that two sources share, the images are counted together."""
    joined: Counter[tuple[str, str]] = Counter()
    for origin in (origin for listed in lists for origin in listed):
        joined[origin['name'], origin['terms']] += origin['images']
    return [{'name': name, 'images': images, 'terms': terms} for (name, terms), images in joined.items()]
