"""Pixel losses: how far restored frames are from the sharp ones, pixel by pixel."""

import torch
from torch import Tensor

from training.config.losses import LossConfig

_CHARBONNIER_EPSILON = 1e-3


def charbonnier(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean of sqrt(d^2 + eps^2), eps 0.001 (Charbonnier et al. 1994): an L1 loss that is smooth at zero.

    Both are float32 [N, C, H, W], 0..1; the result is [N], one for each image.
    """
    return torch.sqrt((restored - sharp) ** 2 + _CHARBONNIER_EPSILON**2).mean(dim=(1, 2, 3))


def frequency(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean L1 distance of the orthonormal 2-D Fourier transforms (Cho et al. 2021): favours detail.

    Both are float32 [N, C, H, W], 0..1; the result is [N], one for each image.
    """
    difference = torch.view_as_real(torch.fft.rfft2(restored - sharp, norm='ortho'))
    return difference.abs().mean(dim=(1, 2, 3, 4))


def mean_square(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean squared error: its gradient follows the large errors and passes over the sensor's noise.

    Both are float32 [N, C, H, W], 0..1; the result is [N], one for each image.
    """
    return ((restored - sharp) ** 2).mean(dim=(1, 2, 3))


def pixel_loss(restored: Tensor, sharp: Tensor, config: LossConfig) -> Tensor:
    """Return the weighted sum of the terms that the config turns on, at least one, as a scalar.

    Both are float32 [N, C, H, W], 0..1. With `config.relative` it is the mean of the logarithms, as in the
    PSNR loss of Chen et al. 2022: halving the error of an image counts the same whether it is large or small,
    so strong degradations do not hide the slight ones; `config.floor` is added to the error, and images that
    are cleaner than that count less and less.
    """
    terms = (
        (config.charbonnier, charbonnier),
        (config.frequency, frequency),
        (config.mean_square, mean_square),
    )
    errors = torch.stack([weight * term(restored, sharp) for weight, term in terms if weight > 0.0]).sum(0)
    return torch.log(errors + config.floor).mean() if config.relative else errors.mean()
