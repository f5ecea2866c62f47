"""The Wasserstein distance as a loss (paper eq. 8), and the two ways to keep its critic in bounds.

The critic is held by clipped weights (Arjovsky et al. 2017, what the paper cites) or by a penalty on its
gradient (Gulrajani et al. 2017). Nothing here may be compiled: torch.compile does not differentiate twice.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def critic_loss(sharp_scores: Tensor, restored_scores: Tensor) -> Tensor:
    """What the critic minimises: minus its estimate of the distance between sharp and restored images.

    Both are float32 [N, 1], higher for sharp; the result is a scalar. `restored_scores` come from images
    detached from the generator.
    """
    return restored_scores.mean() - sharp_scores.mean()


def generator_loss(restored_scores: Tensor) -> Tensor:
    """What the generator minimises: minus the mean score of its images. Float32 [N, 1] to a scalar."""
    return -restored_scores.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], sharp: Tensor, restored: Tensor, generator: torch.Generator
) -> Tensor:
    """How far the critic's slope is from 1 between pairs of images, squared, a scalar without a weight.

    Computed in float32: the penalty is a gradient's gradient, and 8 bits of it would be noise.

    Args:
        critic: images to scores [N, 1], each from its own image alone (no batch normalisation). Not what
            Fabric wraps: the wrapper turns mixed precision on again; give it the module inside.
        sharp: [N, 3, H, W], 0..1; the slope is measured on this scale.
        restored: of the same shape; no gradient flows to it.
        generator: draws where between its two images each pair is probed, uniformly, on its own device.
    """
    share = torch.rand(len(sharp), 1, 1, 1, generator=generator, device=generator.device)
    with torch.autocast(sharp.device.type, enabled=False):
        between = torch.lerp(restored.detach().float(), sharp.detach().float(), share.to(sharp.device))
        between.requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        return ((slope.flatten(1).norm(dim=1) - 1.0) ** 2).mean()


@torch.no_grad()
def clip_weights(critic: nn.Module, limit: float) -> None:
    """Clamp every parameter to -limit..limit in place, after each of the critic's steps; WGAN's is 0.01.

    How steep the critic may get depends on its layers: the paper's discriminator begins almost flat (a slope
    of 3e-6) under 0.01 and ends near 4,000, where the penalty holds 1. Its score wants a weight to match.
    """
    for parameter in critic.parameters():
        parameter.clamp_(-limit, limit)
