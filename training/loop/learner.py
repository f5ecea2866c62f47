"""A network that learns: the generator, and the critic where there is one."""

from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from restore_node.common.errors import InputError
from training.config.run import OptimizerConfig, TrainConfig
from training.loop.optimizers import make_optimizers, set_rate
from training.runs.checkpoint import fill
from training.runs.generator import generator_of

Kind = TypeVar('Kind', bound='Learner')


class NotFiniteError(Exception):
    """A loss or a gradient that is no number any more, met before it reached the weights."""


class Learner:
    """One network with its optimizers, on the devices of a run.

    Args:
        fabric: launched.
        network: float32, on any device; `network` afterwards is what Fabric made of it, `module` itself.
        optimizer: which, and their constants.
        clip_norm: gradients are scaled down to this norm, if any.
        compiled: run it through torch.compile. Not for a network that a penalty differentiates twice.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: nn.Module,
        optimizer: OptimizerConfig,
        *,
        clip_norm: float | None = None,
        compiled: bool = False,
    ) -> None:
        self._fabric, self._config, self._clip_norm = fabric, optimizer, clip_norm
        self.module = network.to(fabric.device, memory_format=torch.channels_last)
        self.network = fabric.setup_module(
            torch.compile(self.module) if compiled else self.module, move_to_device=False
        )
        self.reset_optimizers()

    @classmethod
    def of_generator(cls: type[Kind], fabric: Fabric, config: TrainConfig) -> Kind:
        """The generator of a run; raises ConfigError where it cannot be made."""
        return cls(
            fabric,
            generator_of(config),
            config.optimizer,
            clip_norm=config.schedule.clip_norm,
            compiled=config.compile,
        )

    def reset_optimizers(self) -> None:
        """Begin with fresh optimizers, keeping the weights."""
        optimizers = make_optimizers(self.module, self._config)
        self._optimizers = [self._fabric.setup_optimizers(optimizer) for optimizer in optimizers]

    def update(self, loss: Tensor, rate: float) -> Tensor:
        """Take one step down the gradient of a scalar loss, that of this process's share of the batch.

        Gradients are averaged over all processes. Returns the norm before it was clipped, a scalar. Raises
        NotFiniteError, in all processes, if loss or gradient of any of them is NaN or infinite.
        """
        self.backward(loss)
        return self.descend(loss, rate)

    def passing(self, *, last: bool) -> AbstractContextManager[Any]:
        """A context for the passes of one part of a batch; the processes share gradients after the last."""
        return self._fabric.no_backward_sync(self.network, enabled=not last)

    def backward(self, loss: Tensor) -> None:
        """The first half of `update`: the gradient of a loss, added to what was found since the last step."""
        self._fabric.backward(loss)

    def descend(self, loss: Tensor, rate: float) -> Tensor:
        """The second half of `update`: a step down the gradient that `backward` found."""
        gradients = [weights.grad for weights in self.module.parameters() if weights.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        self._check_finite(loss.detach().clone(), norm)
        if self._clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(self.module.parameters(), self._clip_norm, norm)
        set_rate(self._optimizers, rate)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return norm

    def state(self) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
        """Weights, and the states of the optimizers."""
        return self.module.state_dict(), [optimizer.state_dict() for optimizer in self._optimizers]

    def load(self, weights: dict[str, Tensor], optimizers: list[dict[str, Any]]) -> None:
        """Go on from a state. Raises InputError when it is another network's or other optimizers'."""
        fill(self.module, weights)
        try:
            for optimizer, state in zip(self._optimizers, optimizers, strict=True):
                optimizer.load_state_dict(state)
        except ValueError as error:
            raise InputError(
                'the checkpoint does not fit the optimizers',
                seen=error,
                fix='use the optimizer of its config',
            ) from error

    def _check_finite(self, loss: Tensor, norm: Tensor) -> None:
        # Gradients are the same everywhere by now, losses are not; a process must not stop alone. Each update
        # waits for its answer: a bad one that was made could not be taken back.
        loss = self._fabric.all_reduce(loss, reduce_op='sum')
        if not torch.isfinite(loss + norm):
            raise NotFiniteError(f'loss {loss.item():g}, norm of the gradient {norm.item():g}')
