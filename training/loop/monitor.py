"""What rank 0 tells of a run: to the records, to the screen, and when it is time to."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training.config.run import TrainConfig
from training.data.validation import ValidationSet
from training.evaluation.quality import measure, score, table
from training.evaluation.restoring import restore_with
from training.loop.progress import ProgressView
from training.loop.records import Records, start_mirror
from training.loop.schedule import progress
from training.runs.errors import TrainingError
from training.runs.folder import RunFolder


class Monitor:
    """A context of one run, which begins or goes on at a step, with the best score so far.

    Its `checkpoints` and `validations` say when the next one is due. What is held out is measured on the
    device where the generator runs.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: RunFolder,
        step: int,
        held_out: Sequence[ValidationSet],
        device: torch.device,
        best: float | None = None,
    ) -> None:
        self._schedule, self._log_seconds = config.schedule, config.log_seconds
        self._held_out, self._device = held_out, device
        self._mirror = start_mirror(config, folder)
        self._records = Records(folder, step)
        self._view = ProgressView(config.name)
        self._means = _Means()
        self.checkpoints = Every(config.checkpoint.steps, config.checkpoint.minutes)
        self.validations = Every(config.validation.steps, config.validation.minutes)
        self._validated: int | None = None
        self._best = -math.inf if best is None else best

    def __enter__(self) -> 'Monitor':
        self._view.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._view.__exit__()
        try:
            self._records.close()
            if self._mirror:
                self._mirror.finish()
        except TrainingError:
            # What ended the run says more than what cannot be written after it.
            if kind is None:
                raise

    def stepped(
        self, step: int, elapsed_s: float, values: Mapping[str, Tensor], seconds: float, waited_s: float
    ) -> None:
        """Take note of a step; now and then, record and show the means of the last ones.

        It took so many seconds, a part of which it waited for data.
        """
        self._means.add(values, seconds, waited_s)
        done = progress(self._schedule, step, elapsed_s)
        if self._means.seconds < self._log_seconds and done < 1.0:
            return
        means = self._means.values()
        self._means = _Means()
        self._records.losses(step, elapsed_s, means)
        left_s = elapsed_s * (1.0 - done) / done
        self._records.reached(step, elapsed_s, done, left_s, means['steps_per_s'])
        self._view.moved(step, done, left_s, means)

    def validate(self, step: int, elapsed_s: float, generator: nn.Module) -> dict[str, Any] | None:
        """Measure a generator on the validation sets, once a step; record and show it.

        Returns its score, and its gains by set, in dB, where no score was higher before.
        """
        if step == self._validated:
            return None
        self._validated = step
        began = time.monotonic()
        restore = restore_with(generator.eval(), self._device)
        qualities = {held.name: measure(restore, held.pairs) for held in self._held_out}
        pictures = {
            held.name: (degraded, restore(degraded), sharp)
            for held in self._held_out
            for degraded, sharp in held.pairs[:1]
        }
        reached = score(qualities, self._held_out)
        is_best = reached is not None and reached > self._best
        self._best = max(self._best, -math.inf if reached is None else reached)
        self._records.qualities(step, elapsed_s, qualities, pictures, reached)
        took = f'{time.monotonic() - began:.0f} s'
        scored = '' if reached is None else f', score {reached:+.3f} dB' + (', the best so far' * is_best)
        self._view.say(f'step {step}, held out ({took}){scored}:\n{table(qualities)}')
        gains = {name: quality.gain_db for name, quality in qualities.items()}
        return {'score': reached, 'gain_db': gains} if is_best else None


class _Means:
    """Means since they were last taken. Sums stay on the device, so that a step copies none of its values."""

    def __init__(self) -> None:
        self.steps, self.seconds, self._waited_s = 0, 0.0, 0.0
        self._sums: dict[str, Tensor] = {}

    def add(self, values: Mapping[str, Tensor], seconds: float, waited_s: float) -> None:
        self.steps += 1
        self.seconds += seconds
        self._waited_s += waited_s
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in values.items()}

    def values(self) -> dict[str, float]:
        means = {name: float(total) / self.steps for name, total in self._sums.items()}
        speed = {'steps_per_s': self.steps / self.seconds, 'data_wait': self._waited_s / self.seconds}
        return means | speed


class Every:
    """Due every so many steps or minutes, whichever comes first."""

    def __init__(self, steps: int | None, minutes: float | None) -> None:
        self._steps, self._minutes = steps, minutes
        self._since = time.monotonic()

    def due(self, step: int) -> bool:
        """Whether it is time, after this step; then the minutes begin anew."""
        minutes = (time.monotonic() - self._since) / 60.0
        due = bool(self._steps and step % self._steps == 0) or bool(
            self._minutes and minutes >= self._minutes
        )
        if due:
            self._since = time.monotonic()
        return due
