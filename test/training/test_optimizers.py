"""Muon on the kernels of a network, Adam on the rest."""

import pytest
import torch
from torch import nn

from training.config.run import OptimizerConfig
from training.loop.optimizers import KernelMuon, make_optimizers, orthogonal, set_rate
from training.networks.registry import build


def laid_out(network):
    return network.to(memory_format=torch.channels_last)


def test_every_parameter_has_one_optimizer():
    network = laid_out(build('lite'))
    adam, muon = make_optimizers(network, OptimizerConfig(name='muon'))
    taken = sum(weights.numel() for group in muon.param_groups for weights in group['params'])
    left = [weights for group in adam.param_groups for weights in group['params']]
    assert taken + sum(weights.numel() for weights in left) == sum(p.numel() for p in network.parameters())
    assert any(weights is network.leave.weight for weights in left)


def test_a_step_of_muon_is_orthogonal_whatever_the_gradient():
    network = laid_out(nn.Conv2d(16, 16, 1, bias=False))
    before = network.weight.detach().clone()
    optimizer = KernelMuon([network.weight], lr=0.5, momentum=0.0, decay=0.0)
    gradient = torch.randn(16, 16, 1, 1, generator=torch.Generator().manual_seed(1))
    network.weight.grad = 1e-4 * gradient
    optimizer.step()
    step = (before - network.weight.detach())[:, :, 0, 0] / 0.5
    singular = torch.linalg.svdvals(step)
    # The library's iteration brings singular values near 1, not to it.
    assert singular.min() > 0.4
    assert singular.max() < 1.6
    assert (step * gradient[:, :, 0, 0]).sum() > 0.0, 'downhill'


@pytest.mark.parametrize('shape', [(64, 576), (96, 864), (256, 64), (32, 32)])
@pytest.mark.parametrize('rank', [1, 5, 32])
def test_steps_on_the_gram_matrix_are_those_on_the_matrix(shape, rank):
    draw = torch.Generator().manual_seed(1)
    left, right = (torch.randn(size, rank, generator=draw, dtype=torch.float64) for size in shape)
    matrix = left * torch.logspace(0, -6, rank, dtype=torch.float64) @ right.T  # of singular values far apart
    want = matrix / matrix.norm()
    for _ in range(5):
        gram = want @ want.T
        want = 3.4445 * want - 4.7750 * gram @ want + 2.0315 * gram @ gram @ want
    got = orthogonal(matrix.float(), torch.float32)
    assert torch.allclose(got, want.float(), atol=2e-3)


@pytest.mark.parametrize('shape', [(16, 8, 3, 3), (96, 16, 1, 1)])
def test_steps_are_those_of_pytorchs_muon(shape):
    ours = laid_out(nn.Conv2d(shape[1], shape[0], shape[2], bias=False))
    theirs = nn.Parameter(ours.weight.detach().permute(0, 2, 3, 1).flatten(1).clone())
    optimizers = (
        KernelMuon([ours.weight], lr=0.02, momentum=0.95, decay=0.1),
        torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.1),
    )
    draw = torch.Generator().manual_seed(1)
    for _ in range(3):
        ours.weight.grad = laid_out(torch.randn(shape, generator=draw))
        theirs.grad = ours.weight.grad.permute(0, 2, 3, 1).flatten(1).clone()
        for optimizer in optimizers:
            optimizer.step()
    stepped = ours.weight.detach().permute(0, 2, 3, 1).flatten(1)
    # PyTorch's iterates in bfloat16, whose numbers have three digits.
    assert torch.allclose(stepped, theirs.detach(), atol=2e-3)


def test_rates_keep_their_factor():
    optimizers = make_optimizers(laid_out(build('lite')), OptimizerConfig(name='muon', muon_factor=20.0))
    set_rate(optimizers, 1e-3)
    assert [optimizer.param_groups[0]['lr'] for optimizer in optimizers] == [1e-3, 2e-2]


def test_zero_grad_forgets_the_kernels_gradients():
    network = laid_out(nn.Conv2d(8, 8, 3))
    network(torch.ones(1, 8, 4, 4)).sum().backward()
    KernelMuon([network.weight], lr=1.0, momentum=0.9, decay=0.1).zero_grad()
    assert network.weight.grad is None


def test_kernels_in_another_memory_format_are_refused():
    with pytest.raises(ValueError, match='channels_last'):
        KernelMuon([nn.Conv2d(8, 8, 3).weight], lr=1.0, momentum=0.9, decay=0.1)
