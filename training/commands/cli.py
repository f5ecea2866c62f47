"""What the training commands share."""

import functools
import logging
import sys
from collections.abc import Callable, Sequence

from restore_node.common.errors import RestoreError


def one_line_errors(main: Callable[..., int]) -> Callable[..., int]:
    """Let a command end with one `error:` line and exit code 2 where the user can mend what is wrong."""

    @functools.wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        try:
            return main(arguments)
        except RestoreError as error:
            print(f'error: {error}', file=sys.stderr)
            return 2

    return run


def set_up_log() -> None:
    """Print what the trainer has to say, and of the libraries warnings only."""
    logging.basicConfig(level=logging.WARNING, format='%(asctime)s %(message)s', datefmt='%H:%M:%S')
    logging.getLogger('training').setLevel(logging.INFO)
    logging.getLogger('lightning_fabric').setLevel(logging.WARNING)
