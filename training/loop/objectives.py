"""What one step of training does: the generator by itself, or the generator against a critic.

All images here are float32 [N, 3, H, W] RGB, 0..1. Values that a step returns are scalars on the device, for
the records.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from training.config.losses import AdversarialConfig
from training.config.run import OptimizerConfig, TrainConfig
from training.loop.learner import Learner
from training.losses.adversarial import clip_weights, critic_loss, generator_loss, gradient_penalty
from training.losses.content import ContentLoss
from training.networks.discriminator import Discriminator
from training.runs.generator import trained_generator

Values = dict[str, Tensor]


def to_unit(pixels: Tensor) -> Tensor:
    """What networks take of uint8 [N, 3, H, W] RGB: float32, 0..1, channels last in memory."""
    return (pixels.float() / 255.0).contiguous(memory_format=torch.channels_last)


class ContentObjective:
    """The content loss alone."""

    critic: Learner | None = None

    def __init__(self, generator: Learner, content: ContentLoss, parts: int) -> None:
        self._generator, self._content, self._parts = generator, content, parts

    def step(self, degraded: Tensor, sharp: Tensor, rate: float) -> Values:
        """Update the generator once, by the gradient of the whole batch, however many parts it goes in.

        Raises NotFiniteError before a bad update reaches the weights.
        """
        total = degraded.new_zeros(())
        pairs = zip(degraded.chunk(self._parts), sharp.chunk(self._parts), strict=True)
        for number, (part, truth) in enumerate(pairs, start=1):
            with self._generator.passing(last=number == self._parts):
                loss = self._content(part, self._generator.network(part), truth) / self._parts
                self._generator.backward(loss)
            total += loss.detach()
        norm = self._generator.descend(total, rate)
        return {'loss': total, 'gradient_norm': norm}

    def begin_stage(self) -> None:
        """Forget all but the generator's weights (the incremental training strategy; paper, section 4.1)."""
        self._generator.reset_optimizers()


class AdversarialObjective:
    """The game of Wasserstein GANs (paper, eqs. 8 and 9).

    The critic learns what tells sharp frames from restored ones; the generator learns to score well with it
    and to stay close to the sharp frame.
    """

    def __init__(
        self, fabric: Fabric, generator: Learner, content: ContentLoss, config: AdversarialConfig
    ) -> None:
        self._fabric, self._generator, self._content, self._config = fabric, generator, content, config
        self._new_critic()

    def step(self, degraded: Tensor, sharp: Tensor, rate: float) -> Values:
        """Update the critic some times, then the generator once, all on one batch; raises NotFiniteError."""
        restored = self._generator.network(degraded)
        for _ in range(self._config.critic_steps):
            seen = self._update_critic(restored.detach(), sharp, rate)
        return seen | self._update_generator(degraded, restored, sharp, rate)

    def begin_stage(self) -> None:
        """Begin with a fresh critic and fresh optimizers."""
        self._generator.reset_optimizers()
        self._new_critic()

    def _update_critic(self, restored: Tensor, sharp: Tensor, rate: float) -> Values:
        sharp_scores, restored_scores = self.critic.network(torch.cat((sharp, restored))).chunk(2)
        distance = -critic_loss(sharp_scores, restored_scores)
        loss = -distance
        if self._config.constraint == 'penalty':
            # Past Fabric's wrapper: in float32, and its inner gradient is nothing to share between processes.
            penalty = gradient_penalty(self.critic.module, sharp, restored, torch.default_generator)
            loss = loss + self._config.penalty_weight * penalty
        self.critic.update(loss, rate)
        if self._config.constraint == 'clip':
            clip_weights(self.critic.module, self._config.clip_limit)
        return {'wasserstein_distance': distance.detach(), 'critic_loss': loss.detach()}

    def _update_generator(self, degraded: Tensor, restored: Tensor, sharp: Tensor, rate: float) -> Values:
        with _frozen(self.critic.module), self._fabric.autocast():
            adversarial = generator_loss(self.critic.module(restored).float())
        content = self._content(degraded, restored, sharp)
        loss = content + self._config.weight * adversarial
        norm = self._generator.update(loss, rate)
        return {
            'loss': loss.detach(),
            'content_loss': content.detach(),
            'adversarial_loss': adversarial.detach(),
            'gradient_norm': norm,
        }

    def _new_critic(self) -> None:
        self.critic = Learner(
            self._fabric, Discriminator(), OptimizerConfig(name='adam', betas=self._config.betas)
        )


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Let gradients through a network, and none into it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def make_objective(
    fabric: Fabric, generator: Learner, config: TrainConfig
) -> ContentObjective | AdversarialObjective:
    """What a configuration's steps work towards; raises RestoreError where a loss lacks what it needs."""
    loss = config.loss
    teacher = trained_generator(Path(loss.teacher.checkpoint)).network if loss.teacher else None
    content = ContentLoss(fabric, loss, teacher)
    if loss.adversarial is None:
        return ContentObjective(generator, content, config.schedule.accumulate)
    return AdversarialObjective(fabric, generator, content, loss.adversarial)
