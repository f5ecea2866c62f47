"""The report for people: a line for each finding, under it what is to be done, and the verdict last."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from restore_node.tools.doctor.findings import ABSENT, BROKEN, OK, Finding

_STYLES = {OK: 'green', ABSENT: 'yellow', BROKEN: 'bold red'}
_STATE_COLUMN, _NAME_COLUMN = len(ABSENT), 16


def print_finding(console: Console, finding: Finding) -> None:
    """Print one finding, its text wrapped inside its column."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=_STATE_COLUMN)
    grid.add_column(width=_NAME_COLUMN)
    grid.add_column(ratio=1, overflow='fold')
    text = Text(finding.detail)
    if finding.fix:
        text.append(f'\n-> {finding.fix}', style='cyan')
    grid.add_row(Text(finding.state, style=_STYLES[finding.state]), Text(finding.name), text)
    console.print(grid)


def print_verdict(console: Console, verdict: str, is_good: bool) -> None:
    """Print the verdict as the last line."""
    console.print()
    console.print(
        Text(f'verdict: {verdict}', style='bold green' if is_good else 'bold yellow'), soft_wrap=True
    )
