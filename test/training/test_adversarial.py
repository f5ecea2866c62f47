import pytest
import torch
from torch import nn

from training.losses.adversarial import clip_weights, critic_loss, generator_loss, gradient_penalty


class Linear(nn.Module):
    """Scores are the product with one image of weights, so the slope is their norm everywhere."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(3, 4, 4))

    def forward(self, images):
        return (images * self.weights).sum((1, 2, 3))[:, None]


class Quadratic(nn.Module):
    """Scores are a / 2 times the squared norm of an image x, so the slope there is a |x|."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.5))

    def forward(self, images):
        return self.a / 2.0 * (images**2).sum((1, 2, 3))[:, None]


@pytest.fixture
def pairs():
    torch.manual_seed(0)
    return torch.rand(5, 3, 4, 4), torch.rand(5, 3, 4, 4)


def test_scores_become_losses_of_opposite_signs():
    sharp, restored = torch.tensor([[3.0], [5.0]]), torch.tensor([[1.0], [-2.0]])
    assert critic_loss(sharp, restored).item() == -4.5
    assert generator_loss(restored).item() == 0.5


def test_descending_the_losses_drives_the_scores_apart_and_together():
    critic = Linear()
    sharp, restored = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4, requires_grad=True)
    critic_loss(critic(sharp), critic(restored.detach())).backward()
    generator_loss(critic(restored)).backward(inputs=[restored])
    with torch.no_grad():
        apart = critic(sharp).mean() - critic(restored).mean()
        assert critic(restored - 0.1 * restored.grad).mean() > critic(restored).mean()
        critic.weights -= 0.1 * critic.weights.grad
        assert critic(sharp).mean() - critic(restored).mean() > apart


def test_the_penalty_of_a_linear_critic_by_hand(pairs):
    critic = Linear()
    penalty = gradient_penalty(critic, *pairs, torch.Generator())
    penalty.backward()
    norm = critic.weights.detach().norm()
    assert penalty.item() == pytest.approx((norm.item() - 1.0) ** 2, rel=1e-5)
    assert torch.allclose(critic.weights.grad, 2.0 * (norm - 1.0) * critic.weights.detach() / norm, rtol=1e-4)


def test_the_penalty_probes_each_pair_at_a_place_of_its_own(pairs):
    sharp, restored = pairs
    critic = Quadratic()
    penalty = gradient_penalty(critic, sharp, restored, torch.Generator().manual_seed(7))
    penalty.backward()
    share = torch.rand(5, 1, 1, 1, generator=torch.Generator().manual_seed(7))
    lengths = (share * sharp + (1.0 - share) * restored).flatten(1).norm(dim=1)
    assert penalty.item() == pytest.approx(((1.5 * lengths - 1.0) ** 2).mean().item(), rel=1e-5)
    assert critic.a.grad.item() == pytest.approx(
        (2.0 * (1.5 * lengths - 1.0) * lengths).mean().item(), rel=1e-5
    )


def test_the_penalty_is_float32_under_autocast_and_leaves_the_generator_alone(pairs):
    sharp, restored = pairs
    critic = nn.Sequential(nn.Conv2d(3, 8, 4), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(8, 1))
    restored.requires_grad_()
    plain = gradient_penalty(critic, sharp, restored, torch.Generator().manual_seed(1))
    with torch.autocast('cpu', torch.bfloat16):
        mixed = gradient_penalty(critic, sharp, restored, torch.Generator().manual_seed(1))
    mixed.backward()
    assert mixed.item() == plain.item()
    assert restored.grad is None
    assert critic[0].weight.grad.abs().max() > 0.0


def test_a_flat_critic_has_a_penalty_and_finite_gradients(pairs):
    critic = Linear()
    nn.init.zeros_(critic.weights)
    penalty = gradient_penalty(critic, *pairs, torch.Generator())
    penalty.backward()
    assert penalty.item() == 1.0
    assert torch.isfinite(critic.weights.grad).all()


def test_clipping_bounds_every_parameter():
    critic = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 1))
    before = critic[0].weight.detach().clone()
    clip_weights(critic, 0.05)
    for weights in critic.parameters():
        assert weights.abs().max() <= 0.05
        assert weights.requires_grad
    inside = before.abs() <= 0.05
    assert inside.any()
    assert torch.equal(critic[0].weight[inside], before[inside])
