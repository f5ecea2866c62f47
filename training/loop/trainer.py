"""The training loop.

Lightning Fabric places tensors, mixes precision and joins processes, so the same loop runs on CPU cores and
on GPUs; the loop itself stays ours and visible. Every process of a run ("rank") executes it; rank 0 reports
and saves. What a step does is in objectives.py.

A run that is killed at any moment and resumed from its last checkpoint ends, on a CPU, with the same bits as
one that never stopped: samples, rates, dropout and all else that is drawn are functions of the run's seed
and the number of the step. With `schedule.max_minutes` they are also functions of the clock, and no two runs
are alike.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from restore_node.common.errors import InputError
from training.config.run import TrainConfig, config_values
from training.data.loader import Batch
from training.loop.learner import Learner, NotFiniteError
from training.loop.monitor import Monitor
from training.loop.objectives import Values, make_objective, to_unit
from training.loop.schedule import learning_rate, progress, stage_of, stage_starts
from training.loop.stopping import OrderlyStop
from training.runs.checkpoint import Checkpoint, fill, save
from training.runs.errors import TrainingError
from training.runs.folder import RunFolder

Batches = Callable[[int], Iterator[Batch]]
"""From a step on, this rank's share of every batch."""

NETWORKS, STEPS = 0, 1
"""What is drawn: first weights of networks by stage; dropout and penalties by step and rank."""


def seed_torch(*position: int) -> None:
    """Set PyTorch's generators, those of the CPU and of all GPUs, from a run's seed and a position in it.

    What is drawn depends on where in a run it is drawn, not on what came before. So a run has no random state
    to save, and stopping and resuming it cannot change it.
    """
    state = np.random.SeedSequence(position).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))


class Trainer:
    """Trains one generator.

    Checkpoints, and batches that break the run, are written to its folder; `provenance` is what made the run.
    Raises ConfigError where the network or a loss cannot be made as configured.
    """

    def __init__(
        self, fabric: Fabric, config: TrainConfig, provenance: dict[str, Any], folder: RunFolder
    ) -> None:
        self._fabric, self._config, self._provenance, self._folder = fabric, config, provenance, folder
        seed_torch(config.seed, NETWORKS, 0)
        self._generator = Learner.of_generator(fabric, config)
        self._objective = make_objective(fabric, self._generator, config)
        self._average = AveragedModel(
            self._generator.module, multi_avg_fn=get_ema_multi_avg_fn(config.schedule.ema_decay)
        )
        self._step, self._elapsed_s, self._kept_hour = 0, 0.0, 0

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint was saved; raises InputError when it does not fit the configuration."""
        if (checkpoint.critic is None) != (self._objective.critic is None):
            raise InputError(
                'the checkpoint was made with another loss',
                seen='a critic' if checkpoint.critic else 'no critic',
                wanted='a critic, for loss.adversarial' if self._objective.critic else 'no loss.adversarial',
                fix='begin a new run, with start_from for its weights',
            )
        self._generator.load(*checkpoint.generator)
        if checkpoint.critic and self._objective.critic:
            self._objective.critic.load(*checkpoint.critic)
        fill(self._average.module, checkpoint.average)
        self._average.n_averaged.fill_(checkpoint.step)
        self._step, self._elapsed_s = checkpoint.step, checkpoint.elapsed_s
        self._kept_hour = self._hour

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin with trained weights and nothing else of their run (transfer learning)."""
        fill(self._generator.module, weights)
        fill(self._average.module, weights)

    def fit(self, batches: Batches, monitor: Monitor | None = None) -> None:
        """Train to the end of the schedule, or to a SIGTERM or SIGINT; either way a checkpoint is saved.

        The monitor, on rank 0, is told. Raises TrainingError where a loss or a gradient is no longer finite;
        its batch lies in the run's folder.
        """
        with OrderlyStop() as stop:
            stream, is_ending = batches(self._step), False
            while not is_ending and progress(self._config.schedule, self._step, self._elapsed_s) < 1.0:
                began = time.monotonic()
                batch = next(stream)
                waited_s = time.monotonic() - began
                values = self._train_step(batch)
                is_ending = self._agree(self._elapsed_s + time.monotonic() - began, stop)
                if monitor:
                    self._report(monitor, values, time.monotonic() - began, waited_s)
            if monitor:
                self._save()
                self._validate(monitor)

    def checkpoint(self) -> Checkpoint:
        """The present state; its tensors are those of the run, not copies."""
        return Checkpoint(
            step=self._step,
            elapsed_s=self._elapsed_s,
            generator=self._generator.state(),
            average=self._average.module.state_dict(),
            critic=self._objective.critic.state() if self._objective.critic else None,
            config=config_values(self._config),
            provenance=self._provenance,
        )

    @property
    def step(self) -> int:
        """Steps done."""
        return self._step

    def _train_step(self, batch: Batch) -> Values:
        schedule, seed = self._config.schedule, self._config.seed
        if self._step in stage_starts(schedule)[1:]:
            seed_torch(seed, NETWORKS, stage_of(schedule, self._step))
            self._objective.begin_stage()
        seed_torch(seed, STEPS, self._step, self._fabric.global_rank)
        rate = learning_rate(schedule, self._step, self._elapsed_s)
        degraded, sharp = self._fabric.to_device(batch)
        try:
            values = self._objective.step(to_unit(degraded), to_unit(sharp), rate)
        except NotFiniteError as error:
            raise self._broken(error, degraded, sharp) from error
        self._average.update_parameters(self._generator.module)
        self._step += 1
        return values | {'rate': torch.tensor(rate)}

    def _agree(self, elapsed_s: float, stop: OrderlyStop) -> bool:
        """Show all ranks the same time, else one would wait for ever; whether one of them was asked to stop.

        A signal that comes meanwhile is told the next time.
        """
        shared = torch.tensor([elapsed_s, float(stop.asked)], dtype=torch.float64)
        if self._fabric.world_size > 1:
            shared = self._fabric.all_reduce(shared, reduce_op='max')
        self._elapsed_s = float(shared[0])
        return bool(shared[1])

    def _report(self, monitor: Monitor, values: Values, seconds: float, waited_s: float) -> None:
        monitor.stepped(self._step, self._elapsed_s, values, seconds, waited_s)
        if monitor.checkpoints.due(self._step):
            self._save()
        if self._hour > self._kept_hour:
            self._kept_hour = self._hour
            save(self.checkpoint(), self._folder.hourly / f'{self._hour:04d}_step_{self._step}.pt')
        if monitor.validations.due(self._step):
            self._validate(monitor)

    @property
    def _hour(self) -> int:
        """How many times `checkpoint.keep_minutes` have passed."""
        minutes = self._config.checkpoint.keep_minutes
        return int(self._elapsed_s / (60.0 * minutes)) if minutes else 0

    def _save(self) -> None:
        save(self.checkpoint(), self._folder.checkpoint)

    def _validate(self, monitor: Monitor) -> None:
        """Measure the averaged weights, and keep them where none scored higher."""
        if found := monitor.validate(self._step, self._elapsed_s, self._average.module):
            best = self.checkpoint()
            save(replace(best, provenance=best.provenance | {'validation': found}), self._folder.best)

    def _broken(self, error: NotFiniteError, degraded: Tensor, sharp: Tensor) -> TrainingError:
        """Keep what is needed to see why: the batch, and the state before the update that failed."""
        path = self._folder.nan / f'step_{self._step}_rank_{self._fabric.global_rank}.pt'
        kept = f'its batch and state are in {path}'
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            state = vars(self.checkpoint())
            torch.save({'degraded': degraded, 'sharp': sharp, 'checkpoint': state}, path)
        except (OSError, RuntimeError) as unkept:
            kept = f'its batch and state could not be kept: {unkept}'
        return TrainingError(
            f'training broke down at step {self._step}',
            seen=error,
            wanted='finite numbers',
            fix=f'{kept}; try a lower schedule.learning_rate or 32-true precision',
        )
