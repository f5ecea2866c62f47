"""Evaluate models on paired test sets: `python -m training.commands.evaluate --model M --data gopro=FOLDER`.

Prints the tables of the paper that the given sets belong to, with the published figures beside the measured
ones, and leaves a folder with them (tables.md, summary.json), the scores of every image (images.csv) and, of
images without truth (--try), before and after side by side.
"""

import argparse
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

from restore_node.common.atomic import Unfinished
from restore_node.common.console import progress_bar, table_console
from restore_node.common.errors import ConfigError, InputError
from restore_node.common.image_files import images_under
from training.commands.cli import one_line_errors
from training.data.layouts.registry import LAYOUTS
from training.evaluation.conventions import CONVENTIONS
from training.evaluation.report import show, write
from training.evaluation.scoring import UNRESTORED, score_pairs
from training.evaluation.sets import EvaluationSet, open_folders, open_published
from training.evaluation.systems import System, open_system, restored_by_others
from training.evaluation.tables import SetResult, Table, make_tables
from training.evaluation.trial import write_side_by_side

PICTURES = 'try'


def evaluate(
    sets: Sequence[EvaluationSet], systems: Sequence[System], trial: Path | None, out: Path
) -> list[Table]:
    """Score every system on every set and write the results.

    Args:
        sets: to score on; may be empty where there is a trial.
        systems: to score, with names of their own.
        trial: folder of images without truth, to be restored for looking at.
        out: folder for the results, which must not exist; it appears when it is complete.

    Returns:
        The tables that were written.

    Raises:
        RestoreError: something cannot be read, restored, compared or written.
    """
    pictures = images_under(trial) if trial else []
    if trial and not pictures:
        raise InputError(f'no images in {trial}', fix='check the path')
    results = []
    with Unfinished(out) as folder, progress_bar() as bar:
        folder.mkdir()
        for chosen in sets:
            task = bar.add_task(chosen.title, total=len(chosen.pairs))
            scores = score_pairs(
                chosen.pairs, systems, chosen.conventions, chosen.first, partial(bar.advance, task)
            )
            names = (chosen.first, *(system.name for system in systems))
            results.append(
                SetResult(
                    chosen.key,
                    chosen.title,
                    chosen.source,
                    chosen.available,
                    names,
                    chosen.conventions,
                    scores,
                )
            )
        if trial:
            task = bar.add_task(PICTURES, total=len(pictures))
            write_side_by_side(trial, pictures, systems, folder / PICTURES, partial(bar.advance, task))
        tables = make_tables(results, {system.name: system.origin() for system in systems})
        if sets:
            write(folder, results, systems, tables)
    return tables


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; wrong combinations end the program."""
    parser = argparse.ArgumentParser(
        prog='python -m training.commands.evaluate',
        description='Evaluate models on paired test sets; print and save the tables of the paper.',
    )
    parser.add_argument(
        '--model',
        action='append',
        default=[],
        metavar='M',
        help='a model (name or .onnx file) or the checkpoint of a run (.pt); may be repeated',
    )
    parser.add_argument(
        '--restored', type=Path, metavar='DIR', help='images that another system made, in place of a model'
    )
    parser.add_argument(
        '--data',
        action='append',
        default=[],
        metavar='LAYOUT=DIR',
        help=f'a published test set: {", ".join(LAYOUTS)}; may be repeated',
    )
    parser.add_argument('--variant', choices=('blur', 'blur_gamma'), default='blur', help='of GOPRO')
    parser.add_argument('--degraded', type=Path, metavar='DIR', help='own degraded images; with --truth')
    parser.add_argument('--truth', type=Path, metavar='DIR', help='sharp images of the same names')
    parser.add_argument(
        '--try', dest='trial', type=Path, metavar='DIR', help='images without truth: before and after as PNG'
    )
    parser.add_argument(
        '--conventions', nargs='+', choices=CONVENTIONS, metavar='NAME', help=', '.join(CONVENTIONS)
    )
    parser.add_argument('--limit', type=int, metavar='N', help='only N pairs of each set: a partial table')
    parser.add_argument(
        '--tile', type=int, metavar='PX', help='cut frames that do not fit into memory; checkpoints only'
    )
    parser.add_argument('--device', choices=('auto', 'cpu', 'cuda'), default='auto')
    parser.add_argument('--out', type=Path, help='folder to make (default: out/evaluation/DATE-TIME)')
    given = parser.parse_args(arguments)
    if not (given.data or given.truth or given.trial):
        parser.error('nothing to evaluate on: give --data, --truth or --try')
    if not (given.model or given.restored):
        parser.error('nothing to evaluate: give --model or --restored')
    if given.restored and (given.model or given.trial or len(given.data) + bool(given.truth) != 1):
        parser.error('--restored goes with one --data or with --truth, and without --model and --try')
    if bool(given.degraded) > bool(given.truth) or (given.truth and not (given.degraded or given.restored)):
        parser.error('--degraded and --truth go together')
    if given.limit is not None and given.limit < 1:
        parser.error('--limit wants 1 or more')
    return given


def _sets(given: argparse.Namespace) -> list[EvaluationSet]:
    sets = [open_published(data, given.variant) for data in given.data]
    if given.truth:
        sets.append(open_folders(given.degraded or given.restored, given.truth, restored=not given.degraded))
    keys = [chosen.key for chosen in sets]
    if len(set(keys)) < len(keys):
        raise ConfigError('--data', seen=', '.join(keys), wanted='each set once')
    return [chosen.with_conventions(given.conventions).limited(given.limit) for chosen in sets]


def _systems(given: argparse.Namespace, sets: Sequence[EvaluationSet], opened: ExitStack) -> list[System]:
    if given.restored:
        compared = given.data or given.degraded
        return [restored_by_others(given.restored, sets[0].pairs)] if compared else []
    systems = [opened.enter_context(open_system(source, given.device, given.tile)) for source in given.model]
    names = [UNRESTORED, *(system.name for system in systems)]
    if len(set(names)) < len(names):
        raise ConfigError('--model', seen=', '.join(names[1:]), wanted='different names', fix='rename a run')
    return systems


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate as the command line says. Returns the exit code."""
    given = parse(arguments)
    logging.basicConfig(level=logging.WARNING, format='warning: %(message)s')
    with ExitStack() as opened:
        sets = _sets(given)
        systems = _systems(given, sets, opened)
        out = given.out or Path('out/evaluation', datetime.now().strftime('%Y%m%d-%H%M%S'))
        tables = evaluate(sets, systems, given.trial, out)
    show(tables, table_console())
    made = ['tables.md, summary.json, images.csv'] if sets else []
    made += [f'{PICTURES}/'] if given.trial else []
    print(f'{out}: {", ".join(made)}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
