"""Batches of the loader, brought to the device that trains."""

import torch
from torch import Tensor

from training.data.loader import Batch


def on_device(batch: Batch, device: torch.device) -> Batch:
    """(degraded, sharp) on a device: uint8 [N, 3, H, W] RGB each."""
    degraded, sharp = (images.to(device, non_blocking=True) for images in batch)
    return degraded, sharp


def to_unit(pixels: Tensor) -> Tensor:
    """What networks take: float32 [N, 3, H, W] RGB, 0..1, channels last in memory."""
    return (pixels.float() / 255.0).contiguous(memory_format=torch.channels_last)
