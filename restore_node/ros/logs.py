"""What the package logs with Python's logging, TensorRT's lines among it, goes to the node's log."""

from __future__ import annotations

import logging
from typing import Any

PACKAGE = 'restore_node'


class RosHandler(logging.Handler):
    """Hands records to an rclpy logger, level by level."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; called by logging, from any thread. A line that cannot be logged raises nothing."""
        try:
            self._log(record.levelno, self.format(record))
        except Exception:
            self.handleError(record)

    def _log(self, level: int, line: str) -> None:
        # rclpy ties a level to the instruction that logs and refuses another there: each level has its own.
        if level >= logging.ERROR:
            self._logger.error(line)
        elif level >= logging.WARNING:
            self._logger.warning(line)
        elif level >= logging.INFO:
            self._logger.info(line)
        else:
            self._logger.debug(line)


def route_logs(logger: Any) -> None:
    """Send what the package logs to a node's logger, in place of whatever took it before."""
    package = logging.getLogger(PACKAGE)
    package.handlers[:] = [RosHandler(logger)]
    package.setLevel(logging.DEBUG)
    package.propagate = False
