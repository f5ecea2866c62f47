"""Look for all that is wrong with a configuration's images: `python -m training.commands.check_data CONFIG`.

Every training looks at the headers of all its images before it begins, and so does this, without stopping at
the first fault; `--full` decodes everything. Images that are trained on and measured on at once, also as half
of a pair, are named, too. The exit code is 1 where something is wrong, 0 where nothing is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from restore_node.common.console import progress_bar, table_console
from restore_node.common.errors import RestoreError
from training.commands.cli import command_parser, one_line_errors
from training.config.data import SourceConfig
from training.config.run import TrainConfig, load_config
from training.config.validation import ValidationSetConfig
from training.data.checking import Problem, ignored_under, look_at_headers, look_at_pixels, without
from training.data.contents import overlaps
from training.data.feed import open_source
from training.data.validation import Held, own_images


def check(config: TrainConfig, *, full: bool) -> tuple[Table, list[str]]:
    """Look at every source of a run; `full` decodes all images.

    Returns a table of what there is, and a line for everything that is wrong.
    """
    table = Table('source', 'to train', 'to measure', 'ignored')
    wrong: list[str] = []
    trained: dict[str, list[Any]] = {}
    measured: dict[str, list[Any]] = {}
    entries: list[SourceConfig | ValidationSetConfig] = [*config.data.sources, *config.validation.own_sets]
    for entry in entries:
        name = f'validation/{entry.name}' if isinstance(entry, ValidationSetConfig) else entry.name
        ignored = ', '.join(
            f'{count} {kind}' for root in _folders(entry) for kind, count in ignored_under(root).items()
        )
        try:
            train, held_out = _images(entry)
        except RestoreError as error:
            wrong.append(f'{name}: {error}')
            table.add_row(name, '-', '-', ignored)
            continue
        table.add_row(name, str(len(train)), str(len(held_out)), ignored)
        problems = _problems(name, [*train, *held_out], full)
        wrong += [f'{name}: {problem}' for problem in problems]
        trained[name], measured[name] = without(train, problems), without(held_out, problems)
    return table, wrong + [
        f'trained on and measured on at once: {twins}' for twins in overlaps(trained, measured)
    ]


def _images(entry: SourceConfig | ValidationSetConfig) -> tuple[Held, Held]:
    """What is trained on, and what is measured on."""
    if isinstance(entry, ValidationSetConfig):
        return (), own_images(entry)
    found = open_source(entry)
    return found.train, found.held_out


def _problems(name: str, images: Sequence[Any], full: bool) -> Sequence[Problem]:
    if not full:
        return look_at_headers(images)
    with progress_bar() as bar:
        task = bar.add_task(name, total=len(images))
        return look_at_pixels(images, lambda: bar.advance(task))


def _folders(entry: SourceConfig | ValidationSetConfig) -> list[Path]:
    if entry.pairs:
        roots: Sequence[str] = [entry.pairs.root]
    else:
        sharp = entry.photographs if isinstance(entry, ValidationSetConfig) else entry.sharp
        roots = sharp.roots if sharp else ()
    return [Path(root) for root in roots if Path(root).is_dir()]


@one_line_errors
def main(arguments: list[str] | None = None) -> int:
    """Check as the command line says. Returns the exit code."""
    parser = command_parser(__file__, __doc__, config=True)
    parser.add_argument('--full', action='store_true', help='decode every image')
    options = parser.parse_intermixed_args(arguments)
    config = load_config(options.config, options.overrides)
    table, wrong = check(config, full=options.full)
    table_console().print(table)
    for line in wrong:
        print(line)
    found = f'{len(wrong)} wrong' if wrong else 'nothing wrong'
    print(found if options.full else f'{found}, by their headers')
    return 1 if wrong else 0


if __name__ == '__main__':
    raise SystemExit(main())
