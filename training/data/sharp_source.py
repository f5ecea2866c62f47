"""Samples that are degraded later, on the training device: sharp crops, and what is to happen to them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.config.data import DataConfig
from training.data.cutting import draw_cut
from training.data.patch_source import MARGIN_PX
from training.data.photographs import Photograph
from training.data.pool import PATCHES_PER_READ, PatchPool
from training.data.samples import crop_pair
from training.degradation.degrade import Degradation, DegradationConfig, draw, draw_kind
from training.degradation_torch.batch import Plan, degrade_batch, plan_batch, truth_batch

Planned = tuple[NDArray[np.uint8], Degradation]
PlannedBatch = tuple[Tensor, Plan]
"""Sharp crops with a margin, uint8 [N, 3, crop + 2 * MARGIN_PX, ...] RGB, and what is to happen to them."""


class SharpSource:
    """Endless samples from sharp photographs; the arguments are those of PatchSource."""

    def __init__(
        self,
        photographs: Sequence[Photograph],
        data: DataConfig,
        degradation: DegradationConfig,
        seed: int,
        batch: int,
    ) -> None:
        self._data, self._degradation = data, degradation
        self._pool = PatchPool(photographs, data, seed, batch, self._make)

    def sample(self, index: int) -> Planned:
        """Sample `index`: a crop with its margin, and its degradation; a function of seed and index."""
        patch, rng = self._pool.draw(index)
        size = self._data.crop_px + 2 * MARGIN_PX
        sharp, _ = crop_pair((patch, patch), size, rng, flips=self._data.flips, turns=self._data.turns)
        return sharp, draw(self._degradation, draw_kind(self._degradation, rng), size, size, rng)

    def stack(self, samples: Sequence[Planned]) -> PlannedBatch:
        """A batch, with all that can be reckoned before the device sees it."""
        crops, degradations = zip(*samples, strict=True)
        sharp = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        return sharp, plan_batch(degradations, *sharp.shape[-2:])

    def _make(self, photograph: Photograph, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        image = photograph.read()
        height, width = image.shape[:2]
        size, scale = self._data.patch_px + 2 * MARGIN_PX, self._data.smallest_scale
        return [draw_cut(height, width, size, scale, rng).of(image) for _ in range(PATCHES_PER_READ)]


def degrade_planned(batch: PlannedBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """The (degraded, sharp) batch, made on a device: uint8 [N, 3, crop, crop] RGB each, without margin."""
    sharp, plan = batch[0].to(device, non_blocking=True), batch[1]
    pair = degrade_batch(sharp, plan), truth_batch(sharp, plan)
    inner = slice(MARGIN_PX, -MARGIN_PX)
    degraded, truth = (images[..., inner, inner] for images in pair)
    return degraded, truth
