"""`doctor [--model M] [--size WxH] [--json]`: examine this machine.

Exit code 0 when the GPU path works, 1 when it does not (the report says whether the CPU path does), 2 for bad
arguments.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from restore_node.tools.cli import add_model_argument, parse_size, run_command
from restore_node.tools.doctor.examination import Examination
from restore_node.tools.doctor.findings import ABSENT, BROKEN, OK, Finding

EXIT_NO_GPU_PATH = 1
_STYLES = {OK: 'green', ABSENT: 'yellow', BROKEN: 'bold red'}
_STATE_COLUMN, _NAME_COLUMN = len(ABSENT), 16


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='doctor', description='Say what works on this machine, what does not, and how to mend it.'
    )
    add_model_argument(parser)
    parser.add_argument(
        '--size', default='640x360', metavar='WxH', help="the camera's size (default 640x360)"
    )
    parser.add_argument('--json', action='store_true', help='print JSON, for machines')
    run_command(_examine, parser, arguments)


def _examine(given: argparse.Namespace) -> int:
    console, progress = Console(), Console(stderr=True)
    with progress.status('starting') as status:
        examination = Examination(given.model, parse_size(given.size), status.update)
        for finding in examination.run():
            if not given.json:
                _show(console, finding)
    if given.json:
        print(json.dumps(examination.as_dict(), indent=2))
    else:
        style = 'bold green' if examination.has_gpu_path else 'bold yellow'
        console.print()
        console.print(Text(f'verdict: {examination.verdict()}', style=style), soft_wrap=True)
    return 0 if examination.has_gpu_path else EXIT_NO_GPU_PATH


def _show(console: Console, finding: Finding) -> None:
    """Print one finding, its text wrapped inside its column."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=_STATE_COLUMN)
    grid.add_column(width=_NAME_COLUMN)
    grid.add_column(ratio=1, overflow='fold')
    text = Text(finding.detail)
    if finding.fix:
        text.append(f'\n-> {finding.fix}', style='cyan')
    grid.add_row(Text(finding.state, style=_STYLES[finding.state]), finding.name, text)
    console.print(grid)


if __name__ == '__main__':
    main()
