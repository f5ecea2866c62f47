"""Content losses: how far restored frames are from the sharp ones."""

import torch
from torch import Tensor

from training.config import LossConfig

_CHARBONNIER_EPSILON = 1e-3


def charbonnier(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean of sqrt(d^2 + eps^2), eps 0.001 (Charbonnier et al. 1994): an L1 loss that is smooth at zero.

    Both are float32 [N, C, H, W], 0..1; the result is a scalar.
    """
    return torch.sqrt((restored - sharp) ** 2 + _CHARBONNIER_EPSILON**2).mean()


def frequency(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean L1 distance of the orthonormal 2-D Fourier transforms (Cho et al. 2021): favours detail.

    Both are float32 [N, C, H, W], 0..1; the result is a scalar.
    """
    difference = torch.view_as_real(torch.fft.rfft2(restored - sharp, norm='ortho'))
    return difference.abs().mean()


def content_loss(restored: Tensor, sharp: Tensor, config: LossConfig) -> Tensor:
    """The weighted sum of the terms that the config turns on: a scalar."""
    loss = config.charbonnier * charbonnier(restored, sharp)
    if config.frequency > 0.0:
        loss = loss + config.frequency * frequency(restored, sharp)
    return loss
