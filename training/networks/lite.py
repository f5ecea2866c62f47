"""Lite: our generator for live video on small machines.

Plain convolutions without normalisation, in the shape of a U: the picture is folded (2x2 pixels become 12
channels) so that nothing runs at full resolution, then goes down to an eighth, where dilated blocks see the
whole of a long blur or a large drop, and back up with skips. It predicts only what must be added to its input
(the paper's global skip, figure 4).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from training.networks.layers import initialise

FOLD = 2

# Without normalisation plain ReLUs die under long steps, and with them the whole generator: this slope lets
# gradients through everywhere.
SLOPE = 0.1
_BLOCK_SCALE = 0.1


class LiteBlock(nn.Module):
    """Two 3x3 convolutions, scaled channel by channel, and an identity skip.

    The scales start small, so that a new block is nearly the identity (Touvron et al. 2021).
    """

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), _BLOCK_SCALE))
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Float32 [N, channels, H, W], in and out."""
        return features + self.scale * self.second(self.activation(self.first(features)))


class Lite(nn.Module):
    """The generator; `size_multiple` is the multiple that H and W of its input must be.

    Args:
        widths: channels at a half, a quarter and an eighth of the resolution, multiples of 16.
        blocks: residual blocks at a quarter, on the way up.
        dilations: one residual block at an eighth for each.
    """

    size_multiple = 4 * FOLD

    def __init__(self, widths: tuple[int, int, int], blocks: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        half, quarter, eighth = widths
        pixels = 3 * FOLD * FOLD
        self.enter = nn.Conv2d(pixels, half, 3, padding=1)
        self.down_to_quarter = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.down_to_eighth = nn.Conv2d(quarter, eighth, 3, stride=2, padding=1)
        self.deep = nn.Sequential(*(LiteBlock(eighth, dilation) for dilation in dilations))
        self.up_to_quarter = nn.Conv2d(eighth, 4 * quarter, 1)
        self.middle = nn.Sequential(*(LiteBlock(quarter) for _ in range(blocks)))
        self.up_to_half = nn.Conv2d(quarter, 4 * half, 1)
        self.leave = nn.Conv2d(half, pixels, 3, padding=1)
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)
        initialise(self, SLOPE)
        # The first steps learn what to change, not how to copy.
        nn.init.zeros_(self.leave.weight)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore frames, unclamped: float32 [N, 3, H, W] RGB, 0..1, H and W multiples of `size_multiple`."""
        folded = pixel_unshuffle(degraded, FOLD)
        half = self.activation(self.enter(folded))
        quarter = self.activation(self.down_to_quarter(half))
        eighth = self.deep(self.activation(self.down_to_eighth(quarter)))
        quarter = self.middle(quarter + pixel_shuffle(self.up_to_quarter(eighth), 2))
        half = self.activation(half + pixel_shuffle(self.up_to_half(quarter), 2))
        return pixel_shuffle(folded + self.leave(half), FOLD)


class DeepLite(nn.Module):
    """The lite generator with one level more, for the same time per frame.

    Lite spends most of its budget at a quarter and an eighth of the resolution. This one goes down to a
    sixteenth, where a pixel's arithmetic costs a quarter of what it costs at an eighth: it has three times
    the parameters, and sees far enough for a blur of 40 pixels or for the haze of a wet lens.

    Args:
        widths: channels of each level, from a half of the resolution down, multiples of 16.
        down: residual blocks of each level on the way down; those of the last level are the deepest.
        up: residual blocks of each level but the last on the way up.
    """

    def __init__(self, widths: tuple[int, ...], down: tuple[int, ...], up: tuple[int, ...]) -> None:
        super().__init__()
        self.size_multiple = FOLD * 2 ** (len(widths) - 1)
        pixels = 3 * FOLD * FOLD
        self.enter = nn.Conv2d(pixels, widths[0], 3, padding=1)
        self.encode = nn.ModuleList(map(_blocks, widths, down))
        self.shrink = nn.ModuleList(
            nn.Conv2d(upper, lower, 3, stride=2, padding=1) for upper, lower in pairwise(widths)
        )
        self.grow = nn.ModuleList(nn.Conv2d(lower, 4 * upper, 1) for upper, lower in pairwise(widths))
        self.decode = nn.ModuleList(map(_blocks, widths[:-1], up))
        self.leave = nn.Conv2d(widths[0], pixels, 3, padding=1)
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)
        initialise(self, SLOPE)
        nn.init.zeros_(self.leave.weight)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore frames, unclamped: float32 [N, 3, H, W] RGB, 0..1, H and W multiples of `size_multiple`."""
        folded = pixel_unshuffle(degraded, FOLD)
        features = self.encode[0](self.activation(self.enter(folded)))
        skips = []
        for shrink, encode in zip(self.shrink, self.encode[1:], strict=True):
            skips.append(features)
            features = encode(self.activation(shrink(features)))
        for grow, decode, skip in zip(self.grow[::-1], self.decode[::-1], skips[::-1], strict=True):
            features = decode(skip + pixel_shuffle(grow(features), 2))
        return pixel_shuffle(folded + self.leave(self.activation(features)), FOLD)


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(LiteBlock(channels) for _ in range(count)))
