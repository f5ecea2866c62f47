"""NAFNet (Chen et al. 2022, Simple Baselines for Image Restoration): a reference, written from its paper.

A U of blocks without any activation function: products of two halves of the channels take their place. Means
over the image are local ones in evaluation, see local_statistics.py. Ours is that the last layer starts at
zero, so that an untrained network returns its input.
"""

from typing import Annotated

import torch
from pydantic import Field, validate_call
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from training.networks.layers import ChannelNorm, pad_by_reflection
from training.networks.local_statistics import ImageMean

_CELL_PX = 16

Blocks = Annotated[int, Field(ge=0)]


class NAFNet(nn.Module):
    """The network; its defaults are the paper's for GOPRO at its smaller width (section 5).

    Args:
        width: channels at full resolution; every level down has twice as many.
        encoder: blocks of each level on the way down.
        middle: blocks of the deepest level.
        decoder: blocks of each level on the way up, the deepest first.

    Raises pydantic.ValidationError where an option is impossible, ValueError where encoder and decoder have
    different numbers of levels.
    """

    @validate_call
    def __init__(
        self,
        width: Annotated[int, Field(ge=1)] = 32,
        encoder: tuple[Blocks, ...] = (1, 1, 1, 28),
        middle: Blocks = 1,
        decoder: tuple[Blocks, ...] = (1, 1, 1, 1),
    ) -> None:
        super().__init__()
        if len(encoder) != len(decoder):
            raise ValueError(f'encoder has {len(encoder)} levels and decoder {len(decoder)}, want as many')
        levels = len(encoder)
        self.size_multiple = max(2**levels, _CELL_PX)
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.encode = nn.ModuleList(self._blocks(width, level, count) for level, count in enumerate(encoder))
        self.shrink = nn.ModuleList(
            nn.Conv2d(width * 2**level, width * 2 ** (level + 1), 2, stride=2) for level in range(levels)
        )
        self.middle = self._blocks(width, levels, middle)
        upwards = range(levels - 1, -1, -1)
        self.grow = nn.ModuleList(
            nn.Conv2d(width * 2 ** (level + 1), width * 2 ** (level + 2), 1, bias=False) for level in upwards
        )
        self.decode = nn.ModuleList(map(self._blocks, (width,) * levels, upwards, decoder))
        self.leave = nn.Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore frames of any size, unclamped: float32 [N, 3, H, W] RGB, 0..1."""
        rows, columns = degraded.shape[-2:]
        degraded = pad_by_reflection(degraded, self.size_multiple)
        features = self.enter(degraded)
        skips = []
        for encode, shrink in zip(self.encode, self.shrink, strict=True):
            skips.append(encode(features))
            features = shrink(skips[-1])
        features = self.middle(features)
        for grow, decode in zip(self.grow, self.decode, strict=True):
            features = decode(skips.pop() + pixel_shuffle(grow(features), 2))
        return (degraded + self.leave(features))[..., :rows, :columns]

    def _blocks(self, width: int, level: int, count: int) -> nn.Sequential:
        cell = self.size_multiple // 2**level
        return nn.Sequential(*(NAFBlock(width * 2**level, cell, self.size_multiple) for _ in range(count)))


class NAFBlock(nn.Module):
    """The block: mixing over space, then over channels, each scaled and added to its input.

    `cell` and `cell_px` are those of its mean over the image, see `WindowedLayer`.
    """

    def __init__(self, channels: int, cell: int, cell_px: int) -> None:
        super().__init__()
        self.space_norm = ChannelNorm(channels, eps=1e-6)
        self.space = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels),
        )
        self.mean = ImageMean(cell, cell_px)
        self.weigh = nn.Conv2d(channels, channels, 1)
        self.space_out = nn.Conv2d(channels, channels, 1)
        self.channel_norm = ChannelNorm(channels, eps=1e-6)
        self.channel = nn.Conv2d(channels, 2 * channels, 1)
        self.channel_out = nn.Conv2d(channels, channels, 1)
        self.space_scale = nn.Parameter(torch.zeros(channels, 1, 1))
        self.channel_scale = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Float32 [N, channels, H, W], in and out."""
        mixed = _gate(self.space(self.space_norm(features)))
        mixed = mixed * self.mean.spread(self.weigh(self.mean(mixed)))
        features = features + self.space_scale * self.space_out(mixed)
        mixed = _gate(self.channel(self.channel_norm(features)))
        return features + self.channel_scale * self.channel_out(mixed)


def _gate(features: Tensor) -> Tensor:
    """The product of the two halves of the channels (SimpleGate)."""
    first, second = features.chunk(2, dim=1)
    return first * second
