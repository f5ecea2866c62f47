"""A wider network that begins where a narrower one of its kind ended (as in Net2Net, Chen et al. 2016)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from training.networks.lite import Lite, LiteBlock


@torch.no_grad()
def widened(network: nn.Module, narrow: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Weights with which a network computes what a narrower one does, and has room to learn more.

    The channels that the narrower one has come first, and nothing of the new ones reaches them. New channels
    keep their random weights, so that gradients find them; new blocks change nothing yet.

    Args:
        network: the wider one, with random weights; not changed.
        narrow: the state_dict of the narrower one.

    Returns:
        A state_dict of `network`; None where that is no `Lite`, or `narrow` not of a narrower one.
    """
    wide = {name: weights.clone() for name, weights in network.state_dict().items()}
    if not isinstance(network, Lite) or not narrow.keys() <= wide.keys():
        return None
    for name, weights in narrow.items():
        inside = tuple(slice(size) for size in weights.shape)
        if weights.ndim != wide[name].ndim or wide[name][inside].shape != weights.shape:
            return None
        wide[name][: len(weights)] = 0.0
        wide[name][inside] = weights
    for name, block in network.named_modules():
        if isinstance(block, LiteBlock) and f'{name}.scale' not in narrow:
            wide[f'{name}.second.weight'].zero_()
    return wide
