"""What the offline commands share: how they end, and the model they run."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from restore_node.common.errors import InputError, RestoreError

if TYPE_CHECKING:
    from restore_node.backends.base import Backend

EXIT_BAD_INPUT = 2
DEFAULT_MODEL = 'restore-lite'


def run_command(
    command: Callable[[argparse.Namespace], int | None],
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None = None,
) -> NoReturn:
    """Run a command with what the parser makes of its arguments, and leave the process with its exit code.

    That is 0 or what the command returns; 2, after one `error:` line on stderr, for what the user can mend;
    130 or 143 when interrupted or terminated, after what was unfinished has been removed.
    """
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(command(given) or 0)
    except RestoreError as err:
        print(f'error: {err}', file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # The reader of our output went away; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of a text such as `1280x720`; raises InputError."""
    match = re.fullmatch(r'([1-9]\d{0,4})x([1-9]\d{0,4})', text)
    if not match:
        raise InputError('image size', seen=repr(text), wanted='WxH such as 1280x720')
    return int(match[1]), int(match[2])


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--model` to a command."""
    text = f'name or .onnx path of a model (default {DEFAULT_MODEL})'
    parser.add_argument('--model', default=DEFAULT_MODEL, help=text)


def add_backend_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--model` and `--device` to a command."""
    add_model_argument(parser)
    choices = ('auto', 'cpu', 'cuda')
    parser.add_argument('--device', default='auto', choices=choices, help='where it runs (default auto)')


def chosen_backend(given: argparse.Namespace) -> Backend:
    """The backend that the arguments of `add_backend_arguments` ask for, not open yet.

    Raises:
        ModelError: the model is missing, corrupt or disagrees with its card.
        BackendError: it does not run on this device.
    """
    # Not before: doctor must start where numpy or OpenCV do not.
    from restore_node.backends.registry import create_backend
    from restore_node.model import load_model

    return create_backend('onnxruntime', load_model(given.model), given.device)


def runs_on(backend: Backend) -> str:
    """Return `MODEL on PROVIDER`, for a command's closing line."""
    return f'{backend.model.card.name} on {backend.device}'
