"""What the training commands share."""

import logging
import sys

from rich.console import Console

from restore_node.common.errors import RestoreError

_WIDTH = 140


def report_errors(error: RestoreError) -> int:
    """Print a user's error as one line and return the exit code for it."""
    print(f'error: {error}', file=sys.stderr)
    return 2


def table_console() -> Console:
    """Where tables go: stdout, in a file or a pipe as wide as the widest of them."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def set_up_log() -> None:
    """Print what the trainer has to say, and of the libraries warnings only."""
    logging.basicConfig(level=logging.WARNING, format='%(asctime)s %(message)s', datefmt='%H:%M:%S')
    logging.getLogger('training').setLevel(logging.INFO)
    logging.getLogger('lightning_fabric').setLevel(logging.WARNING)
