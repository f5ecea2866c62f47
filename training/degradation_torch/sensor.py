"""Sensor noise on a batch; JPEG stays with OpenCV on the CPU."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.degradation.degrade import Degradation
from training.degradation.sensor import compress


class Sensors(NamedTuple):
    """The sensors of a batch.

    Attributes:
        dark: float32 [N, 1, 1, 1], variance of the noise in the dark, in squared grey levels.
        slope: float32 [N, 1, 1, 1], its growth by each grey level.
        seeds: of the noise patterns.
        qualities: of JPEG, 1..100; None where the frame is not compressed.
    """

    dark: Tensor
    slope: Tensor
    seeds: tuple[int, ...]
    qualities: tuple[int | None, ...]


def plan_sensors(degradations: Sequence[Degradation]) -> Sensors:
    """The sensors of a batch."""
    sensors = [drawn.sensor for drawn in degradations]
    return Sensors(
        dark=torch.tensor([sensor.read_noise**2 for sensor in sensors])[:, None, None, None],
        slope=torch.tensor([sensor.shot_noise**2 / 255.0 for sensor in sensors])[:, None, None, None],
        seeds=tuple(sensor.seed for sensor in sensors),
        qualities=tuple(sensor.jpeg_quality for sensor in sensors),
    )


def expose(pixels: Tensor, sensors: Sensors, noise: Tensor | None = None) -> Tensor:
    """The frames as the cameras send them: uint8 [N, 3, H, W] RGB, 0..255, in and out.

    Args:
        pixels: the frames without noise.
        sensors: of the batch.
        noise: float32 [N, 3, H, W], standard normal; None draws it on the device of `pixels`, each sample's
            from its own seed, so that it does not depend on its neighbours. A device's generator is not
            NumPy's: the pattern is another one than the reference's.

    Frames with a JPEG quality go to the CPU, through OpenCV and back, and hold up the device meanwhile; a
    training on a GPU sets `sensor.jpeg_share` to 0, or compresses its photographs before they are degraded.
    """
    if noise is None:
        noise = _draw_noise(sensors.seeds, pixels)
    signal = pixels.float()
    signal += (sensors.dark + sensors.slope * signal).sqrt() * noise
    frames = signal.round().clamp(0.0, 255.0).to(torch.uint8)
    for frame, quality in zip(frames, sensors.qualities, strict=True):
        if quality is not None:
            image = np.ascontiguousarray(frame.permute(1, 2, 0).cpu().numpy())
            frame.copy_(torch.from_numpy(compress(image, quality)).permute(2, 0, 1))
    return frames


def _draw_noise(seeds: Sequence[int], pixels: Tensor) -> Tensor:
    noise = torch.empty(pixels.shape, device=pixels.device)
    generator = torch.Generator(pixels.device)
    for pattern, seed in zip(noise, seeds, strict=True):
        pattern.normal_(generator=generator.manual_seed(seed))
    return noise
