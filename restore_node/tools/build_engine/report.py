"""How `build_engine` tells what it does: a progress bar for people, lines of JSON for the node."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from restore_node.engine.trt import LOG

#: Takes what there is to tell, by the keys of docs/contracts.md, section 8, from any thread: `phase` and
#: `percent`, a `log` line, an `error`, or `engine` and `manifest`, with `how` the engine came there.
Say = Callable[..., None]


@contextmanager
def telling(as_json: bool) -> Iterator[Say]:
    """Tell how a build goes on, TensorRT's warnings and errors included: on stdout as JSON, or by a bar."""
    if not as_json:
        with _bar() as say, _relayed(say):
            yield say
    else:
        with _relayed(_say_json):
            yield _say_json


def _say_json(*, how: str = '', **values: Any) -> None:
    for line in ({'log': how}, values) if how else (values,):
        print(json.dumps(line), flush=True)


@contextmanager
def _bar() -> Iterator[Say]:
    with Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        TextColumn('{task.percentage:3.0f} %'),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        # An interrupted build ends the process at once, which must not leave a terminal without its cursor.
        bar.console.show_cursor(True)
        task = bar.add_task('starting', total=100)

        def say(**values: Any) -> None:
            match values:
                case {'phase': phase, 'percent': percent}:
                    bar.update(task, description=phase, completed=percent)
                case {'log': line}:
                    bar.console.print(line, markup=False, highlight=False)
                case {'engine': path, 'how': how}:
                    bar.stop()
                    print(f'{path}: {how}')
                case {'error': line}:
                    bar.stop()
                    print(f'error: {line}', file=sys.stderr)

        yield say


@contextmanager
def _relayed(say: Say) -> Iterator[None]:
    class Relay(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(log=f'TensorRT {record.levelname.lower()}: {record.getMessage()}')

    relay = Relay(logging.WARNING)
    LOG.addHandler(relay)
    try:
        yield
    finally:
        LOG.removeHandler(relay)
