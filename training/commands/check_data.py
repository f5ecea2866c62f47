"""Look for all that is wrong with a configuration's images: `python -m training.commands.check_data CONFIG`.

Every training looks at the headers of all its images before it begins, and so does this, without stopping at
the first fault; `--full` decodes everything. Images that are trained on and held out at once are named, too.
The exit code is 1 where something is wrong, 0 where nothing is.
"""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from restore_node.common.console import progress_bar, table_console
from restore_node.common.errors import RestoreError
from training.commands.cli import command_parser, one_line_errors
from training.config.data import SourceConfig
from training.config.run import TrainConfig, load_config
from training.data.checking import (
    Problem,
    ignored_under,
    look_at_headers,
    look_at_pixels,
    without,
)
from training.data.contents import listing, shared
from training.data.feed import OpenSource, open_source


def check(config: TrainConfig, *, full: bool) -> tuple[Table, list[str]]:
    """Look at every source of a run; `full` decodes all images.

    Returns a table of what there is, and a line for everything that is wrong.
    """
    table = Table('source', 'to train on', 'held out', 'ignored')
    wrong: list[str] = []
    listed: list[str] = []
    for source in config.data.sources:
        ignored = ', '.join(
            f'{count} {kind}' for root in _folders(source) for kind, count in ignored_under(root).items()
        )
        try:
            found = open_source(source)
        except RestoreError as error:
            wrong.append(f'{source.name}: {error}')
            table.add_row(source.name, '-', '-', ignored)
            continue
        table.add_row(source.name, str(len(found.train)), str(len(found.held_out)), ignored)
        problems = _problems(found, full)
        wrong += [f'{source.name}: {problem}' for problem in problems]
        for use, images in (('train', found.train), ('held out', found.held_out)):
            listed += listing(source.name, use, without(images, problems))
    return table, wrong + [f'trained on and held out at once: {pair}' for pair in shared(listed)]


def _problems(source: OpenSource, full: bool) -> Sequence[Problem]:
    images = [*source.train, *source.held_out]
    if not full:
        return look_at_headers(images)
    with progress_bar() as bar:
        task = bar.add_task(source.config.name, total=len(images))
        return look_at_pixels(images, lambda: bar.advance(task))


def _folders(source: SourceConfig) -> list[Path]:
    roots = [source.pairs.root] if source.pairs else source.sharp.roots
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
