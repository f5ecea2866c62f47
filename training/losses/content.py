"""The content loss: how far restored frames are from the sharp ones, and from a teacher's."""

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from training.config.losses import LossConfig
from training.losses.lpips import LpipsLoss
from training.losses.perceptual import PerceptualLoss
from training.losses.pixel import pixel_loss


class ContentLoss:
    """The terms that a configuration asks for; images are float32 [N, 3, H, W] RGB, 0..1.

    The teacher is a trained generator in evaluation mode. Raises RestoreError where a term lacks what it
    needs.
    """

    def __init__(self, fabric: Fabric, config: LossConfig, teacher: nn.Module | None = None) -> None:
        self._fabric, self._config = fabric, config
        self._teacher = fabric.to_device(teacher) if teacher else None
        self._seen: list[tuple[float, nn.Module]] = []
        if seen := config.perceptual:
            compare = PerceptualLoss(seen.weights, seen.layer, download=seen.download)
            self._seen.append((seen.weight, fabric.to_device(compare)))
        if config.lpips:
            self._seen.append((config.lpips.weight, fabric.to_device(LpipsLoss(config.lpips.network))))

    def __call__(self, degraded: Tensor, restored: Tensor, sharp: Tensor) -> Tensor:
        """A scalar, the mean over the images."""
        loss = restored.new_zeros(())
        if self._config.has_pixel_terms:
            loss = pixel_loss(restored, sharp, self._config)
        if self._teacher and self._config.teacher:
            with torch.no_grad(), self._fabric.autocast():
                taught = self._teacher(degraded).float()
            loss = loss + self._config.teacher.weight * pixel_loss(restored, taught, self._config)
        for weight, compare in self._seen:
            with self._fabric.autocast():
                distance = compare(restored, sharp)
            loss = loss + weight * distance.mean()
        return loss
