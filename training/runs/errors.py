"""What can go wrong in a training run besides its input and its configuration."""

from restore_node.common.errors import RestoreError


class TrainingError(RestoreError):
    """A run that cannot go on: its numbers are no longer finite, or one of its processes failed."""
