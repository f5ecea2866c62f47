"""Rain over a batch, by the reference itself, image by image."""

from collections.abc import Sequence

import torch
from torch import Tensor

from training.degradation.degrade import Degradation
from training.degradation.rain import falling


class Rainfall:
    """The rain in a batch, by sample."""

    def __init__(self, rains: dict[int, falling.Rain]) -> None:
        self.rains = rains


def plan_rain(degradations: Sequence[Degradation]) -> Rainfall | None:
    """The rain over a batch of images of one size; None where it is dry."""
    rains = {index: drawn.rain for index, drawn in enumerate(degradations) if drawn.rain is not None}
    return Rainfall(rains) if rains else None


def add_rain(light: Tensor, rainfall: Rainfall) -> Tensor:
    """The pictures behind rain: float32 [N, 3, H, W], linear light, may exceed 1 (the sensor clips)."""
    rainy = light.clone()
    for index, rain in rainfall.rains.items():
        picture = light[index].permute(1, 2, 0).cpu().numpy()
        rainy[index] = torch.from_numpy(falling.add_rain(picture, rain)).permute(2, 0, 1)
    return rainy
