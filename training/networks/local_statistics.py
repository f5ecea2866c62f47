"""Statistics over whole images that are in a large frame what they were in training crops.

A network that weighs its channels by a mean over the whole image learns that from crops. The mean over a
frame of twenty times their area is another quantity, and using it costs up to 0.65 dB (TLC: Chu et al. 2022,
Improving Image Restoration by Revisiting Global Information Aggregation). So in evaluation mode the mean is
taken over windows, 1.5 times as wide and high as a crop, that lie inside the image.

The publication moves the window from pixel to pixel. Here it moves by cells of some pixels and what follows
from the means is interpolated between cells: the windows of neighbours are nearly the same, and means over
cells are two small matrix products, which every runtime has and fp16 bears.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

WINDOW = 1.5
"""Sides of a window over those of a training crop, as published."""


class WindowedLayer(nn.Module):
    """A layer that looks at the whole image in training, and in evaluation at windows, once it has any.

    Args:
        cell: H and W of a cell, in pixels of the layer's features, whose sides are multiples of it.
        cell_px: the same in pixels of the network's input.
    """

    def __init__(self, cell: int, cell_px: int) -> None:
        super().__init__()
        self.cell, self.cell_px = cell, cell_px
        self.window = 0

    @property
    def looks_at_windows(self) -> bool:
        """Whether statistics are taken over windows now."""
        return self.window > 0 and not self.training


class ImageMean(WindowedLayer):
    """The mean over the image: float32 [N, C, H, W] to [N, C, 1, 1], or over windows, one for each cell."""

    def forward(self, features: Tensor) -> Tensor:
        """The means."""
        if not self.looks_at_windows:
            return features.mean((2, 3), keepdim=True)
        return windowed_mean(avg_pool2d(features, self.cell), self.window)

    def spread(self, found: Tensor) -> Tensor:
        """What follows from the means, for pixels: [N, C, 1, 1], or cells interpolated to [N, C, H, W]."""
        if not self.looks_at_windows or self.cell == 1:
            return found
        return interpolate(found, scale_factor=float(self.cell), mode='bilinear', align_corners=False)


def windowed_mean(cells: Tensor, window: int) -> Tensor:
    """The mean over a square window around each cell, moved inside where it would leave the image.

    Cells are [..., rows, columns]; where there are fewer than the window is wide, all of them count.
    """
    rows, columns = (_shares(size, window, cells) for size in cells.shape[-2:])
    return rows @ cells @ columns.T


def use_windows(network: nn.Module, crop_px: int) -> None:
    """Give the layers of a network their windows, for training crops of this side."""
    for module in network.modules():
        if isinstance(module, WindowedLayer):
            module.window = -(-round(WINDOW * crop_px) // module.cell_px)


def _shares(size: int, window: int, like: Tensor) -> Tensor:
    """[size, size]: how much each cell of a line counts in the window around each."""
    place = torch.arange(size, device=like.device)
    # Of tensors and not of numbers, so that a graph can be exported for all sizes.
    first = (place - window // 2).clamp(max=size - window).clamp(min=0)[:, None]
    inside = ((place >= first) & (place < first + window)).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)
