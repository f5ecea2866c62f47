"""The content loss: how far restored frames are from the sharp ones, in pixels and in what VGG19 sees."""

from lightning_fabric import Fabric
from torch import Tensor

from training.config.losses import LossConfig
from training.losses.perceptual import PerceptualLoss
from training.losses.pixel import pixel_loss


class ContentLoss:
    """Pixel terms and the perceptual one, as configured; images are float32 [N, 3, H, W] RGB, 0..1."""

    def __init__(self, fabric: Fabric, config: LossConfig) -> None:
        self._fabric, self._config = fabric, config
        self._perceptual = (
            fabric.to_device(
                PerceptualLoss(
                    config.perceptual.weights, config.perceptual.layer, download=config.perceptual.download
                )
            )
            if config.perceptual
            else None
        )

    def __call__(self, restored: Tensor, sharp: Tensor) -> Tensor:
        """A scalar, the mean over the images."""
        loss = restored.new_zeros(())
        if self._config.has_pixel_terms:
            loss = pixel_loss(restored, sharp, self._config)
        if self._config.perceptual and self._perceptual:
            with self._fabric.autocast():
                distance = self._perceptual(restored, sharp)
            loss = loss + self._config.perceptual.weight * distance.mean()
        return loss
