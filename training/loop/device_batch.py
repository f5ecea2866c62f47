"""Batches of the loader, brought to the device that trains."""

from typing import Any

import torch
from torch import Tensor

from training.config.data import DataConfig
from training.data.loader import Batch
from training.data.sharp_source import degrade_planned


def on_device(batch: Any, data: DataConfig, device: torch.device) -> Batch:
    """(degraded, sharp) on a device: uint8 [N, 3, H, W] RGB each; degraded there if `degrade_on` says so."""
    if data.degrade_on == 'device':
        return degrade_planned(batch, device)
    degraded, sharp = (images.to(device, non_blocking=True) for images in batch)
    return degraded, sharp


def to_unit(pixels: Tensor) -> Tensor:
    """What networks take: float32 [N, 3, H, W] RGB, 0..1, channels last in memory."""
    return (pixels.float() / 255.0).contiguous(memory_format=torch.channels_last)
