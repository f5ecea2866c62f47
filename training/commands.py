"""What the training commands share."""

import sys

from restore_node.errors import RestoreError


def report_errors(error: RestoreError) -> int:
    """Print a user's error as one line and return the exit code for it."""
    print(f'error: {error}', file=sys.stderr)
    return 2
