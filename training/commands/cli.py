"""What the training commands share."""

import logging
import sys

from restore_node.common.errors import RestoreError


def report_errors(error: RestoreError) -> int:
    """Print a user's error as one line and return the exit code for it."""
    print(f'error: {error}', file=sys.stderr)
    return 2


def set_up_log() -> None:
    """Print what the trainer has to say, and of the libraries warnings only."""
    logging.basicConfig(level=logging.WARNING, format='%(asctime)s %(message)s', datefmt='%H:%M:%S')
    logging.getLogger('training').setLevel(logging.INFO)
    logging.getLogger('lightning_fabric').setLevel(logging.WARNING)
