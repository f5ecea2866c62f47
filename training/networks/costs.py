"""What a network costs: its parameters, its multiply-accumulates per pixel, its layers one by one."""

import copy
import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from training.networks.discriminator import SIDE


@dataclass(frozen=True)
class Layer:
    """A part of a network with weights of its own, named as in the network's state dict.

    The shape is that of its output for one image, [C, H, W] or [features]; parameters are trainable ones.
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    parameters: int


def parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)


def macs_per_pixel(network: nn.Module, side: int = SIDE) -> int:
    """Multiply-accumulates of convolutions and matrix products per input pixel, rounded, for a square image.

    `side` is H and W of that image, or the next multiple of the network's.
    """
    with FlopCounterMode(display=False) as counter:
        side = _run(copy.deepcopy(network), side)
    # PyTorch counts a multiply-accumulate as two operations.
    return round(counter.get_total_flops() / (2 * side**2))


def layers(network: nn.Module, side: int = SIDE) -> list[Layer]:
    """The parts of a network that have weights, in the order in which a square image passes through them."""
    network = copy.deepcopy(network)
    passed: list[Layer] = []

    def record(name: str, module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        passed.append(Layer(name, module, tuple(output.shape[1:]), parameters(module)))

    for name, module in network.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            module.register_forward_hook(partial(record, name))
    _run(network, side)
    return passed


def _run(network: nn.Module, side: int) -> int:
    """Let an image through, in shapes alone: without arithmetic. Returns its side."""
    side = math.ceil(side / (multiple := getattr(network, 'size_multiple', 1))) * multiple
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        network.cpu().eval()(torch.zeros(1, 3, side, side))
    return side
