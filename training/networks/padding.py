"""Any image size for networks that work in multiples of a stride."""

import torch
from torch import Tensor


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
