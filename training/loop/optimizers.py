"""Optimizers: Adam, as the paper has it, and Muon, which trains our small generators about twice as fast.

Adam scales every weight by itself. Muon (Jordan et al. 2024) takes a kernel as one matrix, from all it sees
to each feature it makes, and steps along the orthogonal matrix nearest to its momentum: rare directions, such
as how to deblur among pairs that are mostly about rain, get steps as long as the common ones. Biases, scales
and the layer that makes pixels stay with Adam, as Muon's authors advise.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.config.run import OptimizerConfig


class KernelMuon(torch.optim.Muon):
    """PyTorch's Muon, which knows matrices only, on the kernels of convolutions.

    It works on views [features out, height * width * features in] of the kernels, so these must stay where
    they are: move the network to its device and memory format first.
    """

    def __init__(self, kernels: Iterable[nn.Parameter], lr: float, momentum: float, decay: float) -> None:
        self._kernels = list(kernels)
        if any(_matrix(kernel).data_ptr() != kernel.data_ptr() for kernel in self._kernels):
            raise ValueError('the kernels are not in channels_last memory format, where a matrix is a view')
        super().__init__(map(_matrix, self._kernels), lr=lr, momentum=momentum, weight_decay=decay)

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step along the gradients of the kernels."""
        for kernel, matrix in zip(self._kernels, self.param_groups[0]['params'], strict=True):
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad)
        return super().step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the kernels."""
        super().zero_grad(set_to_none)
        for kernel in self._kernels:
            kernel.grad = None


def make_optimizers(network: nn.Module, config: OptimizerConfig) -> list[Optimizer]:
    """Optimizers that share a network's parameters between them, in a fixed order.

    Args:
        network: on its device and in its memory format.
        config: which, and their constants.

    Returns:
        Optimizers whose groups have a `factor`, see `set_rate`.
    """
    kernels = _hidden_kernels(network) if config.name == 'muon' else []
    taken = {id(kernel) for kernel in kernels}
    rest = [weights for weights in network.parameters() if id(weights) not in taken]
    adam = torch.optim.Adam(
        rest, lr=1.0, betas=config.betas, fused=all(weights.is_cuda for weights in rest) or None
    )
    optimizers: list[Optimizer] = [adam]
    if kernels:
        optimizers.append(KernelMuon(kernels, lr=1.0, momentum=config.momentum, decay=config.muon_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group['factor'] = config.muon_factor if isinstance(optimizer, KernelMuon) else 1.0
    return optimizers


def set_rate(optimizers: Iterable[Optimizer], rate: float) -> None:
    """Give every group the learning rate, times its `factor`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group['lr'] = rate * group['factor']


def _hidden_kernels(network: nn.Module) -> list[nn.Parameter]:
    """Kernels of all convolutions but the last, which makes pixels."""
    return [module.weight for module in network.modules() if isinstance(module, nn.Conv2d)][:-1]


def _matrix(kernel: Tensor) -> Tensor:
    """A kernel as a matrix without copying it, where its memory is laid out with channels last.

    Which column is which does not matter to Muon.
    """
    return kernel.detach().permute(0, 2, 3, 1).flatten(1)
