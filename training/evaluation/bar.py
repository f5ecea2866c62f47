"""A progress bar with rate and time left."""

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


class RateColumn(ProgressColumn):
    """Images a second, or seconds an image where that is the larger number."""

    def render(self, task: Task) -> Text:
        """The text of one bar."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text('')
        return Text(f'{speed:.1f} images/s' if speed >= 1.0 else f'{1.0 / speed:.1f} s/image')


def progress_bar() -> Progress:
    """A bar on stderr, for a `with` block; nothing is drawn where stderr is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
