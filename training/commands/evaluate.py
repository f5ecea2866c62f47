"""Evaluate models on paired test sets: `python -m training.commands.evaluate --model M --data gopro=FOLDER`.

Prints the tables of the paper that the given sets belong to, with the published figures beside the measured
ones, and leaves a folder with them (tables.md, summary.json), the scores of every image (images.csv) and, of
images without truth (--try), before and after side by side.
"""

import argparse
import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from rich.progress import TaskID

from restore_node.common.atomic import Unfinished
from restore_node.common.console import progress_bar, table_console
from restore_node.common.errors import ConfigError, InputError
from restore_node.common.image_files import images_under, read_rgb
from training.commands.cli import add_repeated, command_parser, count, one_line_errors, positive
from training.data.layouts.registry import LAYOUTS
from training.data.samples import Image
from training.evaluation.conventions import CONVENTIONS
from training.evaluation.report import show, write
from training.evaluation.scoring import UNRESTORED, open_lpips, score_pairs
from training.evaluation.sets import EvaluationSet, open_folders, open_published
from training.evaluation.systems import System, gated, open_system, restored_by_others, save_png, saving
from training.evaluation.tables import SetResult, Table, make_tables

PICTURES = 'try'
GAP_PX = 8


def evaluate(
    sets: Sequence[EvaluationSet],
    systems: Sequence[System],
    out: Path,
    *,
    trial: Path | None = None,
    save: Path | None = None,
    lpips: str | None = None,
) -> tuple[list[Table], BaseException | None]:
    """Score every system on every set and write the results, also those of an evaluation that is stopped.

    There may be no sets where there is a trial, a folder of images without truth, to be restored for looking
    at; the systems have names of their own. The results go to the folder `out`, restored images to the folder
    `save`, of several systems and sets to a folder for each; neither may exist. LPIPS is measured with a
    network, if any.

    Returns the tables that were written, and what stopped the evaluation before its end, if anything did.
    Raises RestoreError where something cannot be read, restored, compared or written, and nothing was done
    before.
    """
    pictures = images_under(trial) if trial else []
    if trial and not pictures:
        raise InputError(f'no images in {trial}', fix='check the path')
    distance = open_lpips(lpips) if lpips else None
    names = tuple(system.name for system in systems)
    results = [SetResult(chosen, (chosen.first, *names), [], lpips) for chosen in sets]
    several = len(sets) + bool(trial) > 1
    done, stopped = 0, None
    with ExitStack() as made, progress_bar() as bar:
        folder, kept = (made.enter_context(_new_folder(path)) if path else None for path in (out, save))
        assert folder

        def tick(task: TaskID) -> None:
            nonlocal done
            bar.advance(task)
            done += 1

        try:
            for chosen, result in zip(sets, results, strict=True):
                task = bar.add_task(chosen.title, total=len(chosen.pairs))
                keeping = _keeping(systems, kept, chosen.key if several else '')
                scores = score_pairs(chosen.pairs, keeping, chosen.conventions, chosen.first, distance)
                for image in scores:
                    result.images.append(image)
                    tick(task)
            if trial:
                task = bar.add_task(PICTURES, total=len(pictures))
                keeping = _keeping(systems, kept, PICTURES if several else '')
                for file in pictures:
                    name = file.relative_to(trial).as_posix()
                    save_png(folder / PICTURES, name, _side_by_side(name, read_rgb(file), keeping))
                    tick(task)
        except (KeyboardInterrupt, Exception) as error:
            if not done:
                raise
            stopped = error
        tables = make_tables(results, {system.name: system.origin() for system in systems})
        if sets:
            write(folder, results, systems, tables)
    return tables, stopped


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    with Unfinished(path) as folder:
        folder.mkdir()
        yield folder


def _side_by_side(name: str, image: Image, systems: Sequence[System]) -> Image:
    """An image as it is, then what each system makes of it: uint8 [H, W, 3] RGB."""
    gap = np.full((image.shape[0], GAP_PX, 3), 255, np.uint8)
    restored = [part for system in systems for part in (gap, system.restore(name, image))]
    return np.hstack([image, *restored])


def _keeping(systems: Sequence[System], folder: Path | None, key: str) -> Sequence[System]:
    """The systems, with their images kept under a folder, of several in one for each."""
    if folder is None:
        return systems
    return [saving(system, folder / (system.name if len(systems) > 1 else '') / key) for system in systems]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; wrong combinations end the program."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    add_repeated(parser, '--model', 'a model (name or .onnx file) or the checkpoint of a run (.pt)', 'M')
    add('--restored', type=Path, metavar='DIR', help='images that another system made, in place of a model')
    add_repeated(parser, '--data', f'a published test set: {", ".join(LAYOUTS)}', 'LAYOUT=DIR')
    add('--variant', choices=('blur', 'blur_gamma'), default='blur', help='of GOPRO')
    add('--degraded', type=Path, metavar='DIR', help='own degraded images; with --truth')
    add('--truth', type=Path, metavar='DIR', help='sharp images of the same names')
    add('--try', dest='trial', type=Path, metavar='DIR', help='images without truth: before and after as PNG')
    add('--conventions', nargs='+', choices=CONVENTIONS, metavar='NAME', help=', '.join(CONVENTIONS))
    lpips = 'measure LPIPS as well, with the features of this network; wants torchvision and its weights'
    add('--lpips', choices=('alex', 'vgg', 'squeeze'), help=lpips)
    add('--limit', type=count, metavar='N', help='only N pairs of each set: a partial table')
    add('--tile', type=int, metavar='PX', help='cut frames that do not fit into memory; checkpoints only')
    add('--gate', type=positive, metavar='G', help='publish what a node of this gate_threshold does')
    add('--save', type=Path, metavar='DIR', help='keep the restored images, in a new folder')
    add('--device', choices=('auto', 'cpu', 'cuda'), default='auto')
    add('--out', type=Path, help='folder to make (default: out/evaluation/DATE-TIME)')
    given = parser.parse_args(arguments)
    if not (given.data or given.truth or given.trial):
        parser.error('nothing to evaluate on: give --data, --truth or --try')
    if not (given.model or given.restored):
        parser.error('nothing to evaluate: give --model or --restored')
    if given.restored and (given.save or given.gate is not None):
        parser.error('--restored goes without --save and --gate')
    if given.restored and (given.model or given.trial or len(given.data) + bool(given.truth) != 1):
        parser.error('--restored goes with one --data or with --truth, and without --model and --try')
    if bool(given.degraded) > bool(given.truth) or (given.truth and not (given.degraded or given.restored)):
        parser.error('--degraded and --truth go together')
    return given


def _sets(given: argparse.Namespace) -> list[EvaluationSet]:
    sets = [open_published(data, given.variant) for data in given.data]
    if given.truth:
        sets.append(open_folders(given.degraded or given.restored, given.truth, restored=not given.degraded))
    keys = [chosen.key for chosen in sets]
    if len(set(keys)) < len(keys):
        raise ConfigError('--data', seen=', '.join(keys), wanted='each set once')
    if given.conventions:
        sets = [replace(chosen, conventions=tuple(given.conventions)) for chosen in sets]
    return [chosen.limited(given.limit) for chosen in sets]


def _systems(given: argparse.Namespace, sets: Sequence[EvaluationSet], opened: ExitStack) -> list[System]:
    if given.restored:
        compared = given.data or given.degraded
        return [restored_by_others(given.restored, sets[0].pairs)] if compared else []
    systems = [opened.enter_context(open_system(source, given.device, given.tile)) for source in given.model]
    names = [UNRESTORED, *(system.name for system in systems)]
    if len(set(names)) < len(names):
        raise ConfigError('--model', seen=', '.join(names[1:]), wanted='different names', fix='rename a run')
    return [gated(system, given.gate) for system in systems] if given.gate else systems


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate as the command line says."""
    given = parse(arguments)
    logging.basicConfig(level=logging.WARNING, format='warning: %(message)s')
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as opened:
        sets = _sets(given)
        systems = _systems(given, sets, opened)
        out = given.out or Path('out/evaluation', datetime.now().strftime('%Y%m%d-%H%M%S'))
        tables, stopped = evaluate(sets, systems, out, trial=given.trial, save=given.save, lpips=given.lpips)
    show(tables, table_console())
    made = ['tables.md, summary.json, images.csv'] if sets else []
    made += [f'{PICTURES}/'] if given.trial else []
    print(f'{out}: {", ".join(made)}')
    if stopped:
        print('PARTIAL: stopped before the end, the figures are means over what was done until then')
        raise stopped


if __name__ == '__main__':
    raise SystemExit(main())
