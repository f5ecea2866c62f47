"""The training loop.

Lightning Fabric places tensors, mixes precision and joins processes, so the same loop runs on CPU cores and
on GPUs; the loop itself stays ours and visible. Every process of a run ("rank") executes it; rank 0 reports
and saves.
"""

import json
import logging
import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.checkpoint import Checkpoint, fill, save
from training.config import ScheduleConfig, TrainConfig, config_values
from training.data.patches import Pair
from training.evaluation.held_apart import measure, table
from training.evaluation.restoring import restore_with
from training.losses.content import content_loss
from training.networks.registry import build
from training.optimizers import make_optimizers, set_rate

log = logging.getLogger('training')

Batches = Callable[[int], Iterator[tuple[Tensor, Tensor]]]
"""From the first step on, (degraded, sharp) batches: uint8 [N, 3, H, W] RGB."""

CHECKPOINT = 'checkpoint.pt'


def progress(schedule: ScheduleConfig, step: int, elapsed_s: float) -> float:
    """How far a run is, 0..1: by steps, or by time where that is farther."""
    by_time = elapsed_s / (60.0 * schedule.max_minutes) if schedule.max_minutes else 0.0
    return min(1.0, max(step / schedule.steps, by_time))


def learning_rate(schedule: ScheduleConfig, step: int, done: float) -> float:
    """Linear warm-up by steps, then cosine decay by progress `done`, 0..1."""
    decayed = (
        schedule.last_rate
        + (schedule.first_rate - schedule.last_rate) * (1.0 + math.cos(math.pi * done)) / 2.0
    )
    return decayed * min(1.0, (step + 1) / (schedule.warmup_steps + 1))


class Trainer:
    """Trains one network; `run` is the folder that gets `checkpoint.pt` and `metrics.jsonl`."""

    def __init__(self, fabric: Fabric, config: TrainConfig, provenance: dict[str, Any], run: Path) -> None:
        self._fabric, self._config, self._provenance, self._run = fabric, config, provenance, run
        torch.manual_seed(config.seed)
        network = build(config.network).to(fabric.device, memory_format=torch.channels_last)
        self._network, *self._optimizers = fabric.setup(
            network, *make_optimizers(network, config.optimizer), move_to_device=False
        )
        self._average = AveragedModel(
            self._network.module, multi_avg_fn=get_ema_multi_avg_fn(config.schedule.average_decay)
        )
        self._step, self._elapsed_s = 0, 0.0
        self._stop = False

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint was saved."""
        fill(self._network.module, checkpoint.network)
        fill(self._average.module, checkpoint.average)
        self._average.n_averaged.fill_(checkpoint.step)
        for optimizer, state in zip(self._optimizers, checkpoint.optimizers, strict=True):
            optimizer.load_state_dict(state)
        torch.set_rng_state(checkpoint.random_state)
        self._step, self._elapsed_s = checkpoint.step, checkpoint.elapsed_s

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin with trained weights and nothing else of their run (the paper's transfer learning)."""
        fill(self._network.module, weights)
        fill(self._average.module, weights)

    def fit(self, batches: Batches, validation: dict[str, list[Pair]]) -> None:
        """Train to the end of the schedule, or to a SIGTERM or SIGINT; either way a checkpoint is saved.

        Args:
            batches: this rank's share of the crops.
            validation: pairs by kind of degradation, needed on rank 0 only.
        """
        schedule = self._config.schedule
        previous = {
            number: signal.signal(number, self._ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            stream = batches(self._step)
            watch = _Stopwatch()
            validated = time.monotonic()
            while not self._stop and progress(schedule, self._step, self._elapsed_s) < 1.0:
                began = time.monotonic()
                degraded, sharp = next(stream)
                waited = time.monotonic() - began
                loss = self._train_step(degraded, sharp)
                seconds = time.monotonic() - began
                self._agree(self._elapsed_s + seconds)
                watch.add(loss, seconds, waited)
                if not self._fabric.is_global_zero:
                    continue
                if watch.seconds >= self._config.log_seconds:
                    self._report(watch)
                    watch = _Stopwatch()
                if time.monotonic() - validated >= 60.0 * self._config.validation.minutes:
                    self._save()
                    self._validate(validation)
                    validated = time.monotonic()
            if self._fabric.is_global_zero:
                self._save()
                self._validate(validation)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _train_step(self, degraded: Tensor, sharp: Tensor) -> float:
        schedule = self._config.schedule
        rate = learning_rate(schedule, self._step, progress(schedule, self._step, self._elapsed_s))
        set_rate(self._optimizers, rate)
        restored = self._network(self._to_unit(degraded))
        loss = content_loss(restored.float(), self._to_unit(sharp), self._config.loss)
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        self._fabric.backward(loss)
        self._fabric.clip_gradients(self._network, self._optimizers[0], max_norm=schedule.clip_norm)
        for optimizer in self._optimizers:
            optimizer.step()
        self._average.update_parameters(self._network.module)
        self._step += 1
        return loss.item()

    def _agree(self, elapsed_s: float) -> None:
        """Show all ranks the same time and the same wish to stop, else one would wait for ever."""
        shared = torch.tensor([elapsed_s, float(self._stop)], dtype=torch.float64)
        if self._fabric.world_size > 1:
            shared = self._fabric.all_reduce(shared, reduce_op='max')
        self._elapsed_s, self._stop = float(shared[0]), bool(shared[1])

    def _to_unit(self, pixels: Tensor) -> Tensor:
        pixels = pixels.to(self._fabric.device)
        return (pixels.float() / 255.0).contiguous(memory_format=torch.channels_last)

    def _validate(self, validation: dict[str, list[Pair]]) -> None:
        restore = restore_with(self._average.module.eval(), self._fabric.device)
        qualities = {kind: measure(restore, pairs) for kind, pairs in validation.items()}
        log.info('step %d, held apart:\n%s', self._step, table(qualities))
        self._record({'quality': {kind: asdict(quality) for kind, quality in qualities.items()}})

    def _report(self, watch: '_Stopwatch') -> None:
        schedule = self._config.schedule
        done = progress(schedule, self._step, self._elapsed_s)
        left_s = self._elapsed_s * (1.0 - done) / max(done, 1e-9)
        rate = self._optimizers[0].param_groups[0]['lr']
        log.info(
            'step %d  %.1f%%  loss %.5f  rate %.1e  %.1f steps/s  data wait %.0f%%  %d:%02d:%02d left',
            self._step,
            100.0 * done,
            watch.loss,
            rate,
            watch.steps / watch.seconds,
            100.0 * watch.waited / watch.seconds,
            left_s // 3600,
            left_s % 3600 // 60,
            left_s % 60,
        )
        self._record({'loss': watch.loss, 'rate': rate, 'steps_per_s': watch.steps / watch.seconds})

    def _record(self, values: dict[str, Any]) -> None:
        with (self._run / 'metrics.jsonl').open('a', encoding='utf-8') as file:
            file.write(
                json.dumps({'step': self._step, 'elapsed_s': round(self._elapsed_s, 1), **values}) + '\n'
            )

    def _save(self) -> None:
        save(
            Checkpoint(
                step=self._step,
                elapsed_s=self._elapsed_s,
                network=self._network.module.state_dict(),
                average=self._average.module.state_dict(),
                optimizers=[optimizer.state_dict() for optimizer in self._optimizers],
                random_state=torch.get_rng_state(),
                config=config_values(self._config),
                provenance=self._provenance,
            ),
            self._run / CHECKPOINT,
        )

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True


class _Stopwatch:
    """Means since the last report."""

    def __init__(self) -> None:
        self.steps, self.seconds, self.waited, self._loss = 0, 0.0, 0.0, 0.0

    def add(self, loss: float, seconds: float, waited: float) -> None:
        self.steps += 1
        self.seconds += seconds
        self.waited += waited
        self._loss += loss

    @property
    def loss(self) -> float:
        return self._loss / self.steps
