"""What every command's terminal has in common: tables that stay whole, and one kind of progress bar."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

#: Columns of a table in a file or a pipe, as wide as the widest of them.
WIDTH = 140


def table_console() -> Console:
    """Where tables go: stdout, in a file or a pipe `WIDTH` columns wide."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def progress_bar() -> Progress:
    """A bar on stderr with count, rate and time left; nothing is drawn where stderr is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class _RateColumn(ProgressColumn):
    """Images a second, or seconds an image where that is the larger number."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text('')
        return Text(f'{speed:.1f} images/s' if speed >= 1.0 else f'{1.0 / speed:.1f} s/image')
