"""DeepLite: the lite generator with one level more, for the same time per frame.

Lite spends most of its budget at a quarter and an eighth of the resolution. This one goes down to a
sixteenth, where a pixel's arithmetic costs a quarter of what it costs at an eighth: it has three times the
parameters, and sees far enough for a blur of 40 pixels or for the haze of a wet lens. Like Lite it folds the
picture (2x2 pixels become 12 channels), has plain convolutions without normalisation, and predicts only what
must be added to its input (the paper's global skip, figure 4).
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from training.networks.layers import initialise
from training.networks.lite import FOLD, SLOPE, LiteBlock


class DeepLite(nn.Module):
    """The generator; `size_multiple` is the multiple that H and W of its input must be.

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
