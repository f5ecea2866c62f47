"""Samples from pairs on disk."""

from collections.abc import Sequence

import numpy as np

from training.config.data import PairsConfig
from training.data.layouts.named_pairs import NamedPair
from training.data.patches import MARGIN_PX
from training.data.samples import Image, Pair, crop_pair, lanes, padded
from training.degradation.degrade import KINDS, DegradationConfig, degrade, draw, draw_kind, truth, within

# Apart in the seeds of random generators.
_SAMPLES, _ORDER = 0, 1


class PairSource:
    """Samples: crops of pairs in random order, without end; see `Source`.

    Decoding two frames takes far longer than cutting a crop, so each read of a pair gives `crops_per_read`
    crops, to samples one lane apart. One pass reads every pair once. Images smaller than a crop are padded by
    reflection. With a `degradation` that is done to the degraded images on top of what they show: a moving
    camera sees rain too. A kind without effects leaves a crop as it is.
    """

    def __init__(
        self,
        pairs: Sequence[NamedPair],
        config: PairsConfig,
        crop_px: int,
        seed: int,
        batch: int,
        degradation: DegradationConfig | None = None,
    ) -> None:
        self._pairs, self._config, self._crop_px = pairs, config, crop_px
        self._seed, self._lanes, self._degradation = seed, lanes(batch), degradation
        # What moves in over the border of a crop is cut off again.
        self._cut_px = crop_px + (2 * MARGIN_PX if degradation else 0)
        self._made: dict[int, tuple[int, list[Pair]]] = {}

    def sample(self, index: int) -> Pair:
        """Sample `index`: uint8 [crop, crop, 3] RGB each; raises InputError for an unreadable pair."""
        visit, lane = divmod(index, self._lanes)
        read, place = divmod(visit, self._config.crops_per_read)
        if lane not in self._made or self._made[lane][0] != read:
            self._made[lane] = read, self._crops(lane, read)
        return self._made[lane][1][place]

    def _crops(self, lane: int, read: int) -> list[Pair]:
        degraded, sharp = self._pair(read * self._lanes + lane).read()
        pair = padded(degraded, self._cut_px), padded(sharp, self._cut_px)
        first = read * self._config.crops_per_read
        visits = range(first, first + self._config.crops_per_read)
        return [self._crop(pair, visit * self._lanes + lane) for visit in visits]

    def _pair(self, number: int) -> NamedPair:
        """The pair that is read as the number-th: every pass has its own order."""
        turn, place = divmod(number, len(self._pairs))
        order = np.random.default_rng([self._seed, _ORDER, turn]).permutation(len(self._pairs))
        return self._pairs[order[place]]

    def _crop(self, pair: Pair, index: int) -> Pair:
        rng = np.random.default_rng([self._seed, _SAMPLES, index])
        config = self._config
        degraded, sharp = crop_pair(pair, self._cut_px, rng, flips=config.flips, turns=config.turns)
        if self._degradation:
            degraded, sharp = _degraded_further(degraded, sharp, self._degradation, rng)
        return (add_noise(degraded, config.noise, rng) if config.noise > 0.0 else degraded), sharp


def _degraded_further(
    degraded: Image, sharp: Image, degradation: DegradationConfig, rng: np.random.Generator
) -> Pair:
    kind = draw_kind(degradation, rng)
    if not KINDS[kind]:
        return within(degraded, MARGIN_PX), within(sharp, MARGIN_PX)
    rows, columns = (side - 2 * MARGIN_PX for side in sharp.shape[:2])
    drawn = draw(degradation, kind, rows, columns, rng, margin_px=MARGIN_PX)
    return degrade(degraded, drawn, MARGIN_PX), truth(sharp, drawn, MARGIN_PX)


def add_noise(image: Image, level: float, rng: np.random.Generator) -> Image:
    """An image with Gaussian noise, rounded and clipped: uint8 of any shape, 0..255, in and out.

    `level` is its standard deviation, in grey levels of 255, 0 or more.
    """
    noise = rng.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(image + np.float32(level) * noise), 0, 255).astype(np.uint8)
