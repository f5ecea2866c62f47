"""What every command's terminal has in common: tables that stay whole, and one kind of progress bar."""

from __future__ import annotations

from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

#: Columns of a table in a file or a pipe, as wide as the widest of them.
WIDTH = 140
#: Between two lines of a progress that is no bar.
LINE_SECONDS = 10.0


def table_console() -> Console:
    """Where tables go: stdout, in a file or a pipe `WIDTH` columns wide."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def progress_bar() -> Progress:
    """A bar on stderr with count, rate and time left; where stderr is no terminal, a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        # Without its thread, which would draw nothing and does not advance tasks one by one.
        return _Lines(console=console, disable=True, auto_refresh=False)
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=console,
    )


class _Lines(Progress):
    """Progress as lines of text, for log files."""

    def start(self) -> None:
        self._said = self.get_time()
        super().start()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        if self.get_time() - self._said < LINE_SECONDS:
            return
        self._said = self.get_time()
        task = self._tasks[task_id]
        total = f' of {task.total:.0f}' if task.total else ''
        left = f'{timedelta(seconds=int(task.time_remaining))} left' if task.time_remaining else ''
        parts = (f'{task.description}: {task.completed:.0f}{total}', _rate(task), left)
        self.console.print(', '.join(filter(None, parts)), markup=False, highlight=False, soft_wrap=True)


class _RateColumn(ProgressColumn):
    """Images a second, or seconds an image where that is the larger number."""

    def render(self, task: Task) -> Text:
        return Text(_rate(task))


def _rate(task: Task) -> str:
    speed = task.finished_speed or task.speed
    if not speed:
        return ''
    return f'{speed:.1f} images/s' if speed >= 1.0 else f'{1.0 / speed:.1f} s/image'
