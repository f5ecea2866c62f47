"""Optimizers: Adam, as the paper has it, AdamW, and Muon, which trains our small generators twice as fast.

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

_NEWTON_SCHULZ = 3.4445, -4.7750, 2.0315
_NEWTON_SCHULZ_STEPS = 5


class KernelMuon(Optimizer):
    """Muon with Nesterov's momentum, on the kernels of convolutions, each taken as one matrix.

    PyTorch's own Muon iterates in bfloat16 wherever it runs. A CPU that does not compute in bfloat16 emulates
    it, four times slower than float32 (measured on an Ice Lake Xeon), and Muon then takes half of every
    step. So this one iterates in bfloat16 on GPUs only.

    It works on views [features out, height * width * features in] of the kernels, so these must stay where
    they are: move the network to its device and memory format first.
    """

    def __init__(self, kernels: Iterable[nn.Parameter], lr: float, momentum: float, decay: float) -> None:
        kernels = list(kernels)
        if any(_matrix(kernel).data_ptr() != kernel.data_ptr() for kernel in kernels):
            raise ValueError('the kernels are not in channels_last memory format, where a matrix is a view')
        super().__init__(kernels, {'lr': lr, 'momentum': momentum, 'weight_decay': decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step along the gradients of the kernels."""
        loss = closure() if closure else None
        for group in self.param_groups:
            for kernel in group['params']:
                if kernel.grad is not None:
                    self._step(kernel, group['lr'], group['momentum'], group['weight_decay'])
        return loss

    def _step(self, kernel: nn.Parameter, rate: float, inertia: float, decay: float) -> None:
        matrix, gradient = _matrix(kernel), _matrix(kernel.grad)
        state = self.state[kernel]
        if not state:
            state['momentum_buffer'] = torch.zeros_like(gradient)
        momentum = state['momentum_buffer'].lerp_(gradient, 1.0 - inertia)
        direction = orthogonal(
            gradient.lerp(momentum, inertia), torch.bfloat16 if matrix.is_cuda else torch.float32
        )
        matrix.mul_(1.0 - rate * decay)
        # A matrix that makes more features than it sees takes longer steps (Jordan et al. 2024).
        matrix.add_(direction, alpha=-rate * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5)


def orthogonal(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Nearly the orthogonal matrix nearest to a matrix, by Newton-Schulz iterations in `dtype`.

    float32 [rows, columns], in and out; its singular values are between 0.5 and 1.5 unless they were nearly
    0. A step multiplies by a polynomial of the Gram matrix, which is small where the matrix is long. In
    float32 all steps are taken on it; in bfloat16, whose errors they would multiply, it is made anew for each
    (Gram Newton-Schulz, Dao-AILab 2026).
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    result = matrix.T if is_tall else matrix
    result = (result / result.norm().clamp(min=1e-7)).to(dtype)
    linear, cubic, quintic = _NEWTON_SCHULZ
    steps_of_gram = _NEWTON_SCHULZ_STEPS if dtype == torch.float32 else 1
    for _ in range(_NEWTON_SCHULZ_STEPS // steps_of_gram):
        gram = result @ result.T
        factors: list[Tensor] = []
        for _ in range(steps_of_gram):
            if factors:
                gram = factors[-1] @ gram @ factors[-1]
            factors.append(torch.addmm(gram, gram, gram, beta=cubic, alpha=quintic))
            factors[-1].diagonal().add_(linear)
        result = torch.linalg.multi_dot([*reversed(factors), result])
    result = result.to(matrix.dtype)
    return result.T if is_tall else result


def make_optimizers(network: nn.Module, config: OptimizerConfig) -> list[Optimizer]:
    """Optimizers that share a network's parameters between them, in a fixed order.

    The network is on its device and in its memory format. Groups of the optimizers have a `factor`, see
    `set_rate`.
    """
    kernels = _hidden_kernels(network) if config.name == 'muon' else []
    taken = {id(kernel) for kernel in kernels}
    rest = [weights for weights in network.parameters() if id(weights) not in taken]
    adamw = config.name == 'adamw'
    adam = (torch.optim.AdamW if adamw else torch.optim.Adam)(
        rest,
        lr=1.0,
        betas=config.betas,
        weight_decay=config.weight_decay if adamw else 0.0,
        fused=all(weights.is_cuda for weights in rest) or None,
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
    """Kernels of all convolutions but the last, which makes pixels, and those whose channels do not mix."""
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)][:-1]
    return [module.weight for module in convolutions if module.groups == 1]


def _matrix(kernel: Tensor) -> Tensor:
    """A kernel as a matrix without copying it, where its memory is laid out with channels last.

    Which column is which does not matter to Muon.
    """
    return kernel.detach().permute(0, 2, 3, 1).flatten(1)
