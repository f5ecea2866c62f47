"""Drops on the lenses of a batch: fields rendered on the device, drop by drop, all samples at once."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

from training.degradation.degrade import Degradation
from training.degradation.lens_drops import HORIZON_WIDTH
from training.degradation_torch.smoothstep import smoothstep
from training.degradation_torch.warping import look_up

_SIZES = 14  # numbers that describe a drop


class WetLenses(NamedTuple):
    """The drops in a batch.

    Attributes:
        samples: int64 [D], the samples with drops, those of most drops first.
        present: how many of `samples` have an n-th drop, for each n.
        drops: float32 [D, most drops, 14].
        kernels: float32 [D, taps], Gaussians that defocus the scene in the drops.
    """

    samples: Tensor
    present: tuple[int, ...]
    drops: Tensor
    kernels: Tensor


def plan_drops(degradations: Sequence[Degradation]) -> WetLenses | None:
    """The drops in a batch; None where all lenses are dry."""
    wet = [index for index, drawn in enumerate(degradations) if drawn.drops]
    if not wet:
        return None
    wet.sort(key=lambda index: -len(degradations[index].drops))
    counts = [len(degradations[index].drops) for index in wet]
    drops = torch.zeros(len(wet), counts[0], _SIZES)
    for row, index in enumerate(wet):
        drops[row, : counts[row]] = torch.tensor(
            [
                (
                    d.x,
                    d.y,
                    d.radius_px,
                    d.stretch,
                    *d.ripples,
                    *d.phases,
                    d.shrink,
                    d.softness,
                    d.opacity,
                    d.shade,
                    d.sky or 0.0,
                    # No sky is a sky that begins below every drop.
                    math.inf if d.sky is None else d.horizon,
                )
                for d in degradations[index].drops
            ]
        )
    return WetLenses(
        samples=torch.tensor(wet),
        present=tuple(sum(count > index for count in counts) for index in range(counts[0])),
        drops=drops,
        kernels=_kernels([degradations[index].defocus_px for index in wet]),
    )


def add_drops(light: Tensor, lenses: WetLenses) -> Tensor:
    """The pictures through wet lenses: float32 [N, 3, H, W], linear light, in and out."""
    dry = light[lenses.samples]
    source, alpha, gain, sky = _fields(lenses, *light.shape[2:])
    seen = look_up(_defocused(dry, lenses.kernels), source)
    wet = light.clone()
    wet[lenses.samples] = dry + alpha * (seen * gain + sky - dry)
    return wet


def _fields(lenses: WetLenses, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What is seen where: places [D, H, W, 2]; the drops' share, brightness and sky, [D, 1, H, W] each."""
    device = lenses.drops.device
    x = torch.arange(width, dtype=torch.float32, device=device).expand(height, width)
    y = torch.arange(height, dtype=torch.float32, device=device)[:, None].expand(height, width)
    source = torch.stack((x, y), dim=-1).repeat(len(lenses.samples), 1, 1, 1)
    alpha = torch.zeros(len(lenses.samples), height, width, device=device)
    gain = torch.ones_like(alpha)
    sky = torch.zeros_like(alpha)
    for index, present in enumerate(lenses.present):
        _render(lenses.drops[:present, index], *(field[:present] for field in (source, alpha, gain, sky)))
    return source, alpha[:, None], gain[:, None], sky[:, None]


def _render(drops: Tensor, source: Tensor, alpha: Tensor, gain: Tensor, sky: Tensor) -> None:
    """Draw one drop of each sample into the fields, in place; see the reference for the optics."""
    height, width = alpha.shape[1:]
    x, y, radius, stretch, *outline, shrink, softness, opacity, shade, light, horizon = drops[
        ..., None, None
    ].unbind(1)
    second, third, second_phase, third_phase = outline
    dx = (torch.arange(width, device=drops.device) - x) / radius
    dy = (torch.arange(height, device=drops.device)[:, None] - y) / (radius * stretch)
    theta = torch.atan2(dy, dx)
    ripple = second * torch.cos(2.0 * theta + second_phase) + third * torch.cos(3.0 * theta + third_phase)
    distance = torch.hypot(dx, dy) / (1.0 + ripple)

    cover = opacity * smoothstep((1.0 + softness / 2.0 - distance) / softness)
    bent = radius * shrink * (0.6 + 0.8 * distance.clamp(max=1.2) ** 2)
    view = torch.stack((x - bent * dx, y - bent * dy), dim=-1)

    below = smoothstep((dy - horizon) / HORIZON_WIDTH + 0.5)
    shade = 1.0 - shade * distance.clamp(max=1.0) ** 4

    inside = cover > 0.0
    source.copy_(torch.where(inside[..., None], view, source))
    gain.copy_(torch.where(inside, shade * (1.0 - below), gain))
    sky.copy_(torch.where(inside, shade * below * light, sky))
    alpha.copy_(1.0 - (1.0 - alpha) * (1.0 - cover))


def _kernels(defocus_px: Sequence[float]) -> Tensor:
    """OpenCV's Gaussians of the deviations, float32 [D, taps], the shorter ones with zeros around them."""
    kernels = [
        # The length that GaussianBlur chooses for float images.
        cv2.getGaussianKernel(round(8.0 * sigma + 1.0) | 1, sigma).ravel() if sigma > 0.0 else [1.0]
        for sigma in defocus_px
    ]
    taps = max(map(len, kernels))
    padded = torch.zeros(len(kernels), taps)
    for row, kernel in enumerate(kernels):
        first = (taps - len(kernel)) // 2
        padded[row, first : first + len(kernel)] = torch.as_tensor(kernel)
    return padded


def _defocused(light: Tensor, kernels: Tensor) -> Tensor:
    """Every image blurred by its own kernel: sums of shifted images, which no TensorFloat32 rounds."""
    reach = kernels.shape[1] // 2
    weights = kernels.T[:, :, None, None, None]
    for along in (3, 2):
        padding = (reach, reach, 0, 0) if along == 3 else (0, 0, reach, reach)
        padded = F.pad(light, padding, mode='reflect')
        size = light.shape[along]
        light = torch.zeros_like(light)
        for tap, weight in enumerate(weights):
            light += weight * padded.narrow(along, tap, size)
    return light
