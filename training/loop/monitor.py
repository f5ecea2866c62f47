"""What rank 0 tells of a run: to the records, to the screen, and when it is time to."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.config.run import TrainConfig
from training.data.samples import Pair
from training.evaluation.quality import measure, table
from training.evaluation.restoring import restore_with
from training.loop.progress import ProgressView
from training.loop.records import Records
from training.loop.schedule import progress
from training.runs.folder import RunFolder


class Timing(NamedTuple):
    """Of one step, in seconds: all of it, and the part that waited for data."""

    seconds: float
    waited_s: float


class Monitor:
    """A context of one run.

    Args:
        config: of the run.
        folder: where its records are.
        step: where the run begins or goes on.
        held_out: what is measured: pairs by kind of degradation.
        device: where the generator runs.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: RunFolder,
        step: int,
        held_out: Mapping[str, Sequence[Pair]],
        device: torch.device,
    ) -> None:
        self._schedule, self._log_seconds = config.schedule, config.log_seconds
        self._held_out, self._device = held_out, device
        self._records = Records(folder, step)
        self._view = ProgressView(config.name)
        self._means = _Means()
        self._checkpoints = _Every(config.checkpoint.steps, config.checkpoint.minutes)
        self._validations = _Every(config.validation.steps, config.validation.minutes)
        self._validated: int | None = None

    def __enter__(self) -> 'Monitor':
        self._view.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._view.__exit__(kind, error, trace)
        self._records.close()

    def stepped(self, step: int, elapsed_s: float, values: Mapping[str, Tensor], timing: Timing) -> None:
        """Take note of a step; now and then, record and show the means of the last ones."""
        self._means.add(values, timing)
        done = progress(self._schedule, step, elapsed_s)
        if self._means.seconds < self._log_seconds and done < 1.0:
            return
        means = self._means.values()
        self._means = _Means()
        self._records.losses(step, elapsed_s, means)
        self._view.moved(step, done, elapsed_s * (1.0 - done) / done, means)

    def checkpoint_due(self, step: int) -> bool:
        """Whether it is time to save."""
        return self._checkpoints.due(step)

    def validation_due(self, step: int) -> bool:
        """Whether it is time to measure."""
        return self._validations.due(step)

    def validate(self, step: int, elapsed_s: float, generator: nn.Module) -> None:
        """Measure a generator on what was held out, once a step; record and show it."""
        if step == self._validated:
            return
        self._validated = step
        restore = restore_with(generator.eval(), self._device)
        qualities = {kind: measure(restore, pairs) for kind, pairs in self._held_out.items()}
        pictures = {
            kind: (pairs[0][0], restore(pairs[0][0]), pairs[0][1]) for kind, pairs in self._held_out.items()
        }
        self._records.qualities(step, elapsed_s, qualities, pictures)
        self._view.say(f'step {step}, held out:\n{table(qualities)}')


class _Means:
    """Means since they were last taken. Sums stay on the device, so that a step copies none of its values."""

    def __init__(self) -> None:
        self.steps, self.seconds, self._waited_s = 0, 0.0, 0.0
        self._sums: dict[str, Tensor] = {}

    def add(self, values: Mapping[str, Tensor], timing: Timing) -> None:
        self.steps += 1
        self.seconds += timing.seconds
        self._waited_s += timing.waited_s
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in values.items()}

    def values(self) -> dict[str, float]:
        means = {name: float(total) / self.steps for name, total in self._sums.items()}
        speed = {
            'steps_per_s': self.steps / self.seconds,
            'data_wait': self._waited_s / self.seconds,
        }
        return means | speed


class _Every:
    """Due every so many steps or minutes, whichever comes first."""

    def __init__(self, steps: int | None, minutes: float | None) -> None:
        self._steps, self._minutes = steps, minutes
        self._since = time.monotonic()

    def due(self, step: int) -> bool:
        minutes = (time.monotonic() - self._since) / 60.0
        due = bool(self._steps and step % self._steps == 0) or bool(
            self._minutes and minutes >= self._minutes
        )
        if due:
            self._since = time.monotonic()
        return due
