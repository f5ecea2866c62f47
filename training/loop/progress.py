"""What a person sees of a run: a bar with rate and time left in a terminal, plain lines elsewhere."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

log = logging.getLogger('training')


class ProgressView:
    """A context in which a run's progress is shown."""

    def __init__(self, name: str) -> None:
        self._name = name
        console = Console(stderr=True)
        state = TextColumn('{task.percentage:.1f}% {task.fields[state]}')
        columns = TextColumn('[bold]{task.description}'), BarColumn(bar_width=10), state
        self._bar = Progress(*columns, console=console) if console.is_terminal else None

    def __enter__(self) -> 'ProgressView':
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=1.0, state='')
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def moved(self, step: int, done: float, left_s: float, values: Mapping[str, float]) -> None:
        """Show where a run is: its steps, the share that is done, 0..1, seconds left.

        `values` are means since the last time, by name; `steps_per_s` and `data_wait` are among them.
        """
        loss, speed, left = values['loss'], f'{values["steps_per_s"]:.2f} steps/s', f'{clock(left_s)} left'
        if self._bar:
            # Fits into 80 columns.
            state = f'step {step}  loss {loss:.4f}  {speed}  {left}'
            self._bar.update(self._task, completed=done, state=state)
        else:
            rest = f'rate {values["rate"]:.1e}  {speed}  data wait {values["data_wait"]:.0%}  {left}'
            log.info('%.1f%%  step %d  loss %.5f  %s', 100.0 * done, step, loss, rest)

    def say(self, text: str) -> None:
        """Show a text of one or more lines."""
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            log.info('%s', text)


def clock(seconds: float) -> str:
    """Days, hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
