"""Pooling to a fixed size, in operations that a graph of any size can hold.

torch.export spells `adaptive_avg_pool2d` as indices, of which some lie outside where the sizes are not those
that it saw. Here each mean is a product with a matrix that follows from the size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional


@contextmanager
def exportable_pooling() -> Iterator[None]:
    """Within it, `nn.AdaptiveAvgPool2d` and its function are those that export."""
    with mock.patch.object(functional, 'adaptive_avg_pool2d', adaptive_avg_pool2d):
        yield


def adaptive_avg_pool2d(images: Tensor, output_size: int | Sequence[int | None] | None) -> Tensor:
    """As PyTorch's: float [..., H, W] to means over `output_size` parts that may overlap by a pixel."""
    wanted = output_size if isinstance(output_size, Sequence) else (output_size, output_size)
    if tuple(wanted) == (1, 1):
        return images.mean((-2, -1), keepdim=True)
    rows, columns = (_means(images, axis, parts) for axis, parts in zip((-2, -1), wanted, strict=True))
    return rows @ images @ columns.transpose(0, 1)


def _means(images: Tensor, axis: int, parts: int | None) -> Tensor:
    """What makes means of the positions along an axis: [parts, length], rows that sum to 1."""
    length = images.shape[axis]
    parts = length if parts is None else parts
    position = torch.arange(length, device=images.device) * parts
    part = torch.arange(parts, device=images.device)[:, None]
    # From floor(part * length / parts) on, up to ceil((part + 1) * length / parts), in whole numbers.
    inside = (position > part * length - parts) & (position < (part + 1) * length)
    return (inside / inside.sum(1, keepdim=True)).to(images.dtype)
