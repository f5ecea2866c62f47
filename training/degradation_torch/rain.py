"""Rain over a batch.

The streaks are the reference's own, anti-aliased lines that OpenCV draws on the CPU: one channel, 2 to 8
milliseconds at 320x320, where a blur takes tens. A worker of the loader draws them beside the training.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.degradation.degrade import Degradation
from training.degradation.rain import streaks


class Rainfall(NamedTuple):
    """The rain in a batch.

    Attributes:
        samples: int64 [R], the samples in which it rains.
        streaks: float32 [R, 1, H, W], linear light to add.
        veil: float32 [R, 1, 1, 1], share of the light that is replaced by `veil_light`.
        veil_light: float32 [R, 1, 1, 1], linear light.
    """

    samples: Tensor
    streaks: Tensor
    veil: Tensor
    veil_light: Tensor


def plan_rain(degradations: Sequence[Degradation], height: int, width: int) -> Rainfall | None:
    """The rain over a batch of images of one size; None where it is dry."""
    falling = {index: drawn.rain for index, drawn in enumerate(degradations) if drawn.rain is not None}
    if not falling:
        return None
    rains = falling.values()
    return Rainfall(
        samples=torch.tensor(list(falling)),
        streaks=torch.from_numpy(np.stack([streaks(rain, height, width) for rain in rains])[:, None]),
        veil=torch.tensor([rain.veil for rain in rains])[:, None, None, None],
        veil_light=torch.tensor([rain.veil_light for rain in rains])[:, None, None, None],
    )


def add_rain(light: Tensor, rainfall: Rainfall) -> Tensor:
    """The pictures behind rain: float32 [N, 3, H, W], linear light, may exceed 1 (the sensor clips)."""
    rainy = light.clone()
    veiled = light[rainfall.samples] * (1.0 - rainfall.veil) + rainfall.veil * rainfall.veil_light
    rainy[rainfall.samples] = veiled + rainfall.streaks
    return rainy
