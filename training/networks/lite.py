"""Lite: our generator for live video on small machines.

Plain convolutions on a folded picture, no normalisation: a 4x4 block of pixels becomes one position with 48
channels, which keeps all detail while every convolution runs on a sixteenth of the positions. Blocks at half
that scale, with dilations, let one output pixel see the whole of a long blur or a large drop. The network
predicts only what must be added to its input (the paper's global skip, figure 4).
"""

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

FOLD = 4


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and an identity skip."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Float32 [N, channels, H, W], in and out."""
        return features + self.second(self.activation(self.first(features)))


class Lite(nn.Module):
    """The generator; `size_multiple` is the multiple that H and W of its input must be.

    Args:
        width: channels at a quarter of the resolution, a multiple of 16.
        deep_width: channels at an eighth of the resolution, a multiple of 16.
        blocks: residual blocks at a quarter, before going deep and after coming back.
        dilations: one residual block at an eighth for each.
    """

    size_multiple = 2 * FOLD

    def __init__(
        self, width: int, deep_width: int, blocks: tuple[int, int], dilations: tuple[int, ...]
    ) -> None:
        super().__init__()
        pixels = 3 * FOLD * FOLD
        self.enter = nn.Conv2d(pixels, width, 3, padding=1)
        self.before = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks[0])))
        self.down = nn.Conv2d(width, deep_width, 3, stride=2, padding=1)
        self.deep = nn.Sequential(*(ResidualBlock(deep_width, dilation) for dilation in dilations))
        self.up = nn.Conv2d(deep_width, 4 * width, 1)
        self.after = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks[1])))
        self.leave = nn.Conv2d(width, pixels, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)
        # Starts as the identity: the first steps learn what to change, not how to copy.
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore frames, unclamped: float32 [N, 3, H, W] RGB, 0..1, H and W multiples of `size_multiple`."""
        folded = pixel_unshuffle(degraded, FOLD)
        fine = self.before(self.activation(self.enter(folded)))
        deep = self.deep(self.activation(self.down(fine)))
        fine = self.after(fine + pixel_shuffle(self.up(deep), 2))
        return pixel_shuffle(folded + self.leave(fine), FOLD)
