"""What several networks are made of."""

import torch
from torch import Tensor, nn

LEAKY_SLOPE = 0.2
"""Of the paper's leaky ReLUs, in generator and discriminator."""


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel (Ba et al. 2016): [N, C, H, W] in and out."""

    def forward(self, features: Tensor) -> Tensor:
        """Normalise, scale and shift."""
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def initialise(network: nn.Module, slope: float) -> None:
    """Draw weights that keep the signal's size without normalisation (He et al. 2015), and biases of 0.

    `slope` is that of the leaky ReLUs in between.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, a=slope)
            nn.init.zeros_(module.bias)


def pad_by_reflection(images: Tensor, multiple: int) -> Tensor:
    """Mirror images, [N, C, H, W], at their last row and column until both sides are multiples of `multiple`.

    The mirror is the node's (restore_node/runtime/restore.py): the last row is not repeated, and an image
    smaller than its padding, even 1x1, is mirrored again and again. Differentiable, and nothing of it is left
    in a graph exported for multiples.
    """
    for axis in (-2, -1):
        size = images.shape[axis]
        missing = -size % multiple
        if missing:
            period = max(1, 2 * (size - 1))
            index = torch.arange(size + missing, device=images.device) % period
            images = images.index_select(axis, torch.minimum(index, period - index))
    return images
