"""Moving images: many poses at once, pixel centres and borders as OpenCV has them.

Grids are made by plain arithmetic and not by `affine_grid`, whose matrix product is rounded to TensorFloat32
or bfloat16 wherever a training asks for that: a sixth of a pixel at the rim of a crop, or more.
"""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Border = Literal['reflection', 'zeros']


def sampling(poses: NDArray[np.float64], height: int, width: int) -> Tensor:
    """What `warp` needs to move images by poses.

    Args:
        poses: float64 [..., 3, 3], each maps a pixel (x, y, 1) of the image to where it is seen.
        height: of the images, in pixels, 2 or more.
        width: of the images, in pixels, 2 or more.

    Returns:
        float32 [..., 2, 3]: from a place of the moved image to that of the original, both from -1 to 1
        between the centres of the outermost pixels.
    """
    to_pixel = np.array(
        [
            [(width - 1) / 2.0, 0.0, (width - 1) / 2.0],
            [0.0, (height - 1) / 2.0, (height - 1) / 2.0],
            [0, 0, 1],
        ]
    )
    matrices: NDArray[Any] = np.linalg.inv(to_pixel) @ np.linalg.inv(poses) @ to_pixel
    return torch.from_numpy(matrices[..., :2, :].astype(np.float32))


def warp(images: Tensor, matrices: Tensor, border: Border = 'reflection') -> Tensor:
    """Images moved, each by its own pose: float32 [N, C, H, W] and [N, 2, 3] to [N, C, H, W], bilinear."""
    height, width = images.shape[2:]
    x = torch.linspace(-1.0, 1.0, width, device=images.device)
    y = torch.linspace(-1.0, 1.0, height, device=images.device)[:, None]
    of_x, of_y, offset = matrices[..., None, None].unbind(2)
    grid = (of_x * x + of_y * y + offset).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, 'bilinear', border, align_corners=True)


def look_up(images: Tensor, places: Tensor) -> Tensor:
    """Images at places: float32 [N, C, H, W] and [N, H, W, 2] (x, y in pixels) to [N, C, H, W], bilinear."""
    height, width = images.shape[2:]
    size = torch.tensor([width - 1, height - 1], dtype=torch.float32, device=images.device)
    return F.grid_sample(images, 2.0 * places / size - 1.0, 'bilinear', 'reflection', align_corners=True)
