"""Pixel losses: how far restored frames are from the sharp ones, pixel by pixel.

Every term takes two float32 [N, C, H, W], 0..1, and returns [N], one number for each image.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torchmetrics.functional.image import structural_similarity_index_measure

from training.config.losses import LossConfig

_CHARBONNIER_EPSILON = 1e-3


def charbonnier(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean of sqrt(d^2 + eps^2), eps 0.001 (Charbonnier et al. 1994): an L1 loss that is smooth at zero."""
    return torch.sqrt((restored - sharp) ** 2 + _CHARBONNIER_EPSILON**2).mean(dim=(1, 2, 3))


def l1(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean absolute error."""
    return (restored - sharp).abs().mean(dim=(1, 2, 3))


def edge(restored: Tensor, sharp: Tensor) -> Tensor:
    """Charbonnier distance of the Laplacians (Zamir et al. 2021, MPRNet): edges, whatever the brightness."""
    kernel = restored.new_tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    laplacians = [conv2d(images.flatten(0, 1)[:, None], kernel[None, None]) for images in (restored, sharp)]
    return charbonnier(*(found.unflatten(0, restored.shape[:2])[:, :, 0] for found in laplacians))


def ssim(restored: Tensor, sharp: Tensor) -> Tensor:
    """1 - SSIM with a Gaussian window (Wang et al. 2004), by torchmetrics: structure more than brightness.

    Images are at least 11 pixels wide and high.
    """
    alike = structural_similarity_index_measure(restored, sharp, data_range=1.0, reduction='none')
    assert isinstance(alike, Tensor)
    return 1.0 - alike


def frequency(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean L1 distance of the orthonormal 2-D Fourier transforms (Cho et al. 2021): favours detail."""
    difference = torch.view_as_real(torch.fft.rfft2(restored - sharp, norm='ortho'))
    return difference.abs().mean(dim=(1, 2, 3, 4))


def mean_square(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean squared error: its gradient follows the large errors and passes over the sensor's noise."""
    return ((restored - sharp) ** 2).mean(dim=(1, 2, 3))


_TERMS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (charbonnier, l1, mean_square, frequency, edge, ssim)


def pixel_loss(restored: Tensor, sharp: Tensor, config: LossConfig) -> Tensor:
    """Return the weighted sum of the terms that the config turns on, at least one, as a scalar.

    Both are float32 [N, C, H, W], 0..1. With `config.relative` it is the mean of the logarithms, as in the
    PSNR loss of Chen et al. 2022: halving the error of an image counts the same whether it is large or small,
    so strong degradations do not hide the slight ones; `config.floor` is added to the error, and images that
    are cleaner than that count less and less.
    """
    weights = {term: getattr(config, term.__name__) for term in _TERMS}
    found = [weight * term(restored, sharp) for term, weight in weights.items() if weight > 0.0]
    errors = torch.stack(found).sum(0)
    return torch.log(errors + config.floor).mean() if config.relative else errors.mean()
