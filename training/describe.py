"""What a network costs: `python -m training.describe lite`."""

import argparse

import torch
from torch import Tensor, nn

from restore_node.errors import RestoreError
from training.commands import report_errors
from training.networks.registry import build


def parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)


def macs_per_pixel(network: nn.Module, side: int = 256) -> int:
    """Multiply-accumulates of all convolutions per input pixel, rounded, counted while one square image runs.

    Args:
        network: maps float32 [N, 3, H, W] to the same shape.
        side: H and W of that image, a multiple of the network's.
    """
    total = 0

    def count(convolution: nn.Conv2d, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += output.shape[-2] * output.shape[-1] * convolution.weight.numel()

    hooks = [
        module.register_forward_hook(count) for module in network.modules() if isinstance(module, nn.Conv2d)
    ]
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, side, side))
    finally:
        for hook in hooks:
            hook.remove()
    return round(total / side**2)


def main(arguments: list[str] | None = None) -> int:
    """Print what one network costs. Returns the exit code."""
    parser = argparse.ArgumentParser(prog='python -m training.describe', description=__doc__)
    parser.add_argument('network', help='a name of training/networks/registry.py')
    name = parser.parse_args(arguments).network
    try:
        network = build(name)
    except RestoreError as error:
        return report_errors(error)
    print(f'{name}: {parameters(network):,} parameters, {macs_per_pixel(network):,} MAC per pixel')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
