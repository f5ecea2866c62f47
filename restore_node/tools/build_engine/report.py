"""How `build_engine` tells what it does: a progress bar for people, lines of JSON for the node."""

from __future__ import annotations

import json
import logging
import sys
from abc import ABC, abstractmethod
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from restore_node.engine.cache import Engine
from restore_node.engine.trt import LOG


class BuildReport(ABC):
    """Takes progress, log lines and the outcome of a build."""

    @abstractmethod
    def progress(self, phase: str, percent: float) -> None:
        """Tell where the build stands: 0..100 of a phase. May be called from another thread."""

    @abstractmethod
    def log(self, line: str) -> None:
        """Pass on a line of the build's log."""

    @abstractmethod
    def built(self, engine: Engine, how: str) -> None:
        """Tell that an engine is in the cache, and in a few words how it came there."""

    @abstractmethod
    def failed(self, line: str) -> None:
        """Tell that there is none."""

    def __enter__(self) -> BuildReport:
        self._handler = _Relay(self)
        LOG.addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        LOG.removeHandler(self._handler)


class JsonReport(BuildReport):
    """One JSON object a line on stdout, flushed at once (docs/contracts.md, section 8)."""

    def progress(self, phase: str, percent: float) -> None:
        """See `BuildReport.progress`."""
        self._say(phase=phase, percent=percent)

    def log(self, line: str) -> None:
        """See `BuildReport.log`."""
        self._say(log=line)

    def built(self, engine: Engine, how: str) -> None:
        """See `BuildReport.built`."""
        self._say(log=how)
        self._say(engine=str(engine.path), manifest=engine.manifest)

    def failed(self, line: str) -> None:
        """See `BuildReport.failed`."""
        self._say(error=line)

    def _say(self, **values: Any) -> None:
        print(json.dumps(values), flush=True)


class BarReport(BuildReport):
    """A progress bar on stderr, the outcome on stdout."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            TextColumn('{task.percentage:3.0f} %'),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task('starting', total=100)

    def progress(self, phase: str, percent: float) -> None:
        """See `BuildReport.progress`."""
        self._bar.update(self._task, description=phase, completed=percent)

    def log(self, line: str) -> None:
        """See `BuildReport.log`."""
        self._bar.console.print(line, markup=False, highlight=False)

    def built(self, engine: Engine, how: str) -> None:
        """See `BuildReport.built`."""
        self._bar.stop()
        print(f'{engine.path}: {how}')

    def failed(self, line: str) -> None:
        """See `BuildReport.failed`."""
        self._bar.stop()
        print(f'error: {line}', file=sys.stderr)

    def __enter__(self) -> BuildReport:
        super().__enter__()
        self._bar.start()
        # An interrupted build ends the process at once, which must not leave a terminal without its cursor.
        self._bar.console.show_cursor(True)
        return self

    def __exit__(self, *arguments: object) -> None:
        self._bar.stop()
        super().__exit__(*arguments)


class _Relay(logging.Handler):
    """Hands TensorRT's warnings and errors to the report."""

    def __init__(self, report: BuildReport) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report.log(f'TensorRT {record.levelname.lower()}: {record.getMessage()}')
