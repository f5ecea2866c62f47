"""How different two images look: LPIPS (Zhang et al. 2018), beside PSNR and SSIM."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from training.data.samples import Image
from training.losses.lpips import LpipsLoss

Distance = Callable[[Image, Image], float]
"""Of two images, uint8 [H, W, 3] RGB of one size; 0 where they look the same."""


def open_lpips(network: str) -> Distance:
    """LPIPS on the CPU, over the features of `alex`, `vgg` or `squeeze`.

    Raises ConfigError where torchvision or the weights are missing; nothing is downloaded.
    """
    compare = LpipsLoss(network).eval()

    def distance(restored: Image, truth: Image) -> float:
        with torch.inference_mode():
            return compare(_planes(restored), _planes(truth)).item()

    return distance


def _planes(image: Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255.0
