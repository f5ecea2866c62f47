"""What the training commands share."""

import argparse
import functools
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from restore_node.common.errors import RestoreError
from training.loop.failures import told


def command_parser(file: str, doc: str | None, *, config: bool = False) -> argparse.ArgumentParser:
    """The parser of the command in a file, described by the first line of its docstring.

    With `config` it takes a configuration file and overrides of its keys first.
    """
    about = (doc or '').partition('\n')[0]
    called = Path(sys.argv[0]).name
    installed = called.startswith('restore-')
    prog = called if installed else f'python -m training.commands.{Path(file).stem}'
    parser = argparse.ArgumentParser(prog=prog, description=about)
    if config:
        parser.add_argument('config', help='a YAML file, or one that comes along, such as restore_lite')
        of_keys = 'of its keys, such as data.roots=[/photographs]'
        parser.add_argument('overrides', nargs='*', metavar='key=value', help=of_keys)
    return parser


def add_repeated(parser: argparse.ArgumentParser, name: str, about: str, metavar: str) -> None:
    """Let a command take an option any number of times; without it the list is empty."""
    about += '; may be given again'
    parser.add_argument(name, action='append', default=[], metavar=metavar, help=about)


def count(text: str) -> int:
    """A whole number of 1 or more, as an argument's type."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'got {text}, want 1 or more')
    return int(text)


def positive(text: str) -> float:
    """A number above 0, as an argument's type."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e4:
        raise argparse.ArgumentTypeError(f'got {text}, want a number above 0')
    return value


def one_line_errors(main: Callable[..., int | None]) -> Callable[..., int]:
    """Let a command return its exit code: 0, or what it returned itself.

    It ends with one `error:` line and exit code 2 where the user can mend what is wrong, and that is also a
    full disk or memory that ran out. Where it is interrupted it says so; the exit code is 130.
    """

    @functools.wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        try:
            return main(arguments) or 0
        except KeyboardInterrupt:
            print('interrupted', file=sys.stderr)
            return 130
        except (RestoreError, OSError) as error:
            one_line: Exception | None = error
        except (RuntimeError, MemoryError) as error:
            one_line = told(error)
            if one_line is None:
                raise
        print(f'error: {one_line}', file=sys.stderr)
        return 2

    return run


def set_up_log() -> None:
    """Print what the trainer has to say, and of the libraries warnings only."""
    logging.basicConfig(level=logging.WARNING, format='%(asctime)s %(message)s', datefmt='%H:%M:%S')
    logging.getLogger('training').setLevel(logging.INFO)
    logging.getLogger('lightning_fabric').setLevel(logging.WARNING)
