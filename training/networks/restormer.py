"""Restormer (Zamir et al. 2022, Restormer: Efficient Transformer for High-Resolution Image Restoration).

A reference, written from its paper. Attention is between channels: how alike two channels are is a sum over
the image, so its cost grows with the image's area and no faster. In evaluation that sum is local, see
local_statistics.py; each cell then has an attention of its own. Ours is that the last layer starts at zero:
an untrained network returns its input.
"""

from typing import Annotated

import torch
from pydantic import Field, validate_call
from torch import Tensor, nn
from torch.nn.functional import gelu, pixel_shuffle, pixel_unshuffle

from training.networks.layers import ChannelNorm, pad_by_reflection
from training.networks.local_statistics import WindowedLayer, windowed_mean

_SMALLEST = 1e-6

Count = Annotated[int, Field(ge=1)]
Levels = tuple[Count, Count, Count, Count]


class Restormer(nn.Module):
    """The network; its defaults are the paper's (section 4).

    Args:
        width: channels at full resolution, a multiple of `heads`; every level down has twice as many.
        blocks: transformer blocks of each level, on the way down and up alike.
        refinement: blocks at full resolution at the end.
        heads: of the attention, by level.
        expansion: hidden channels of the feed-forward networks over their channels.

    Raises pydantic.ValidationError where an option is impossible, ValueError where heads do not divide
    channels.
    """

    size_multiple = 32

    @validate_call
    def __init__(
        self,
        width: Count = 48,
        blocks: Levels = (4, 6, 6, 8),
        refinement: Annotated[int, Field(ge=0)] = 4,
        heads: Levels = (1, 2, 4, 8),
        expansion: Annotated[float, Field(ge=1.0)] = 2.66,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(4)]
        if odd := [pair for pair in zip(widths, heads, strict=True) if pair[0] % pair[1]]:
            raise ValueError(f'{odd[0][0]} channels do not divide into {odd[0][1]} heads')

        def stage(channels: int, level: int, count: int) -> nn.Sequential:
            cell = self.size_multiple // 2**level
            own = channels, heads[level], expansion, cell, self.size_multiple
            return nn.Sequential(*(TransformerBlock(*own) for _ in range(count)))

        self.enter = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.encode = nn.ModuleList(map(stage, widths, range(4), blocks))
        self.shrink = nn.ModuleList(_conv3(channels, channels // 2) for channels in widths[:3])
        self.grow = nn.ModuleList(_conv3(channels, 2 * channels) for channels in (*widths[:1:-1], widths[1]))
        # At full resolution what comes up and the skip stay side by side.
        self.reduce = nn.ModuleList(
            nn.Conv2d(2 * channels, channels, 1, bias=False) for channels in (widths[2], widths[1])
        )
        self.decode = nn.ModuleList(
            map(stage, (widths[2], widths[1], 2 * width), (2, 1, 0), (blocks[2], blocks[1], blocks[0]))
        )
        self.refine = stage(2 * width, 0, refinement)
        self.leave = _conv3(2 * width, 3)
        nn.init.zeros_(self.leave.weight)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore frames of any size, unclamped: float32 [N, 3, H, W] RGB, 0..1."""
        rows, columns = degraded.shape[-2:]
        degraded = pad_by_reflection(degraded, self.size_multiple)
        features = self.enter(degraded)
        skips = []
        for encode, shrink in zip(self.encode[:3], self.shrink, strict=True):
            skips.append(encode(features))
            features = pixel_unshuffle(shrink(skips[-1]), 2)
        features = self.encode[3](features)
        for grow, reduce, decode in zip(self.grow, (*self.reduce, nn.Identity()), self.decode, strict=True):
            joined = torch.cat((pixel_shuffle(grow(features), 2), skips.pop()), dim=1)
            features = decode(reduce(joined))
        return (degraded + self.leave(self.refine(features)))[..., :rows, :columns]


class TransformerBlock(nn.Module):
    """Attention between channels, then a gated feed-forward network, each added to its input (figure 2)."""

    def __init__(self, channels: int, heads: int, expansion: float, cell: int, cell_px: int) -> None:
        super().__init__()
        self.attend_norm = ChannelNorm(channels)
        self.attend = Attention(channels, heads, cell, cell_px)
        self.feed_norm = ChannelNorm(channels)
        self.feed = FeedForward(channels, int(channels * expansion))

    def forward(self, features: Tensor) -> Tensor:
        """Float32 [N, channels, H, W], in and out."""
        features = features + self.attend(self.attend_norm(features))
        return features + self.feed(self.feed_norm(features))


class Attention(WindowedLayer):
    """Multi-Dconv head transposed attention (section 3.1, equation 1); for the cells see `WindowedLayer`."""

    def __init__(self, channels: int, heads: int, cell: int, cell_px: int) -> None:
        super().__init__(cell, cell_px)
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1, 1, 1))
        self.ask = nn.Sequential(
            nn.Conv2d(channels, 3 * channels, 1, bias=False),
            nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False),
        )
        self.answer = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Float32 [N, channels, H, W], in and out."""
        query, key, value = (self._in_cells(part) for part in self.ask(features).chunk(3, dim=1))
        # Means over the pixels and not sums, for fp16; what they are divided by cancels out.
        pixels = query.shape[-1] ** -0.5
        query, key = query * pixels, key * pixels
        alike = query @ key.transpose(-2, -1)
        lengths = [(part**2).sum(-1, keepdim=True) for part in (query, key)]
        if self.looks_at_windows:
            alike, *lengths = (self._over_windows(part) for part in (alike, *lengths))
        query_length, key_length = (part.sqrt().clamp(min=_SMALLEST) for part in lengths)
        alike = alike / query_length / key_length.transpose(-2, -1)
        answer = (self.temperature * alike).softmax(-1) @ value
        return self.answer(self._as_image(answer, features))

    def _in_cells(self, features: Tensor) -> Tensor:
        """[N, C, H, W] to [N, heads, rows, columns, C / heads, pixels of a cell]; or one cell for all."""
        if not self.looks_at_windows:
            return features.flatten(2).unflatten(1, (self.heads, 1, 1, -1))
        cells = features.unfold(2, self.cell, self.cell).unfold(3, self.cell, self.cell)
        return cells.unflatten(1, (self.heads, -1)).permute(0, 1, 3, 4, 2, 5, 6).flatten(5)

    def _as_image(self, cells: Tensor, like: Tensor) -> Tensor:
        """What `_in_cells` has taken apart."""
        if self.looks_at_windows:
            cells = cells.unflatten(5, (self.cell, self.cell)).permute(0, 1, 4, 2, 5, 3, 6)
        return cells.reshape(like.shape)

    def _over_windows(self, found: Tensor) -> Tensor:
        """Means over windows of what was found in each cell, [N, heads, rows, columns, A, B], in and out."""
        return windowed_mean(found.permute(0, 1, 4, 5, 2, 3), self.window).permute(0, 1, 4, 5, 2, 3)


class FeedForward(nn.Module):
    """Gated-Dconv feed-forward network (section 3.2, equation 2)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.widen = nn.Sequential(
            nn.Conv2d(channels, 2 * hidden, 1, bias=False),
            nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False),
        )
        self.narrow = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Float32 [N, channels, H, W], in and out."""
        gate, value = self.widen(features).chunk(2, dim=1)
        return self.narrow(gelu(gate) * value)


def _conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
