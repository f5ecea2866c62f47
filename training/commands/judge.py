"""Judge models: `python -m training.commands.judge --data FOLDER`; writes docs/models.md.

Every model, and classical filters beside them, on real pairs that are named, on held-out photographs degraded
here by every kind and strength, and on clean ones. Strips of the best, the median and the worst image of each
set go into a folder: those of real data are to be looked at, not to be committed.
"""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from restore_node.common.atomic import Unfinished, replace_text
from restore_node.common.console import progress_bar
from restore_node.common.errors import ConfigError
from training.commands.cli import add_repeated, command_parser, count, one_line_errors
from training.config.run import TrainConfig, load_config
from training.data.feed import open_source
from training.evaluation.sheet import save_sheet
from training.evaluation.systems import System, open_system
from training.judging.baselines import filters
from training.judging.page import Verdicts, page
from training.judging.sets import JudgedSet, clean_sets, known_blur_set, open_real, synthetic_sets
from training.judging.verdict import cost_of, judge, look, machine

MODELS = Path('models')


def judged_sets(
    real: Sequence[str], config: TrainConfig | None, count: int, limit: int | None
) -> Iterator[JudgedSet]:
    """The sets to judge on: real ones, see `open_real`, of at most `limit` pairs, and synthetic ones.

    Where a configuration is given, its first source of photographs gives what it holds out: `count` of each
    kind and strength. Raises RestoreError where data are not where they should be.
    """
    for given in real:
        yield open_real(given, limit)
    if config is None:
        return
    source = next((source for source in config.data.sources if source.photographs), None)
    if source is None:
        wanted = 'a configuration with a source of photographs'
        raise ConfigError('--photographs', seen=config.name, wanted=wanted)
    photographs = open_source(source).held_out
    degradation = source.degradation or config.degradation
    yield from synthetic_sets(photographs, degradation, count, config.seed)
    yield known_blur_set(photographs, count, config.seed)
    yield from clean_sets(photographs, 2 * count, config.seed)


def judge_all(
    sets: Sequence[JudgedSet], models: Sequence[System], strips: Path
) -> list[tuple[JudgedSet, Verdicts]]:
    """Verdicts of models and filters on every set; strips of the models go into a new folder."""
    results: list[tuple[JudgedSet, Verdicts]] = []
    with Unfinished(strips) as folder, progress_bar() as bar:
        folder.mkdir()
        for judged in sets:
            task = bar.add_task(judged.name, total=len(judged.pairs))
            verdicts = judge(judged, [*models, *filters()], partial(bar.advance, task))
            results.append((judged, verdicts))
            for model in models:
                name = f'{judged.name}_{model.name.split(",")[0]}.png'
                save_sheet(look(judged, model, verdicts[model.name]), folder / name.replace(' ', '_'))
    return results


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Judge as the command line says."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    models = 'a shipped model, an .onnx file or a checkpoint, by default all of models/'
    add_repeated(parser, '--model', models, 'MODEL')
    real = 'real pairs: a published set, or a folder with degraded/ and truth/'
    add_repeated(parser, '--data', real, '[LAYOUT=]DIR')
    held_out = 'degrade what this configuration holds out, such as config/train/restore_lite.yaml'
    add('--photographs', metavar='CONFIG', help=held_out)
    add('--count', type=count, default=8, help='photographs of each kind and strength')
    add('--limit', type=count, help='only so many pairs of each real set')
    add('--out', type=Path, default=Path('docs/models.md'), help='the page (default: %(default)s)')
    add('--strips', type=Path, default=Path('out/judged'), help='folder to make (default: %(default)s)')
    given = parser.parse_args(arguments)
    if not (given.data or given.photographs):
        parser.error('nothing to judge on: give --data or --photographs')
    names = given.model or sorted(path.stem for path in MODELS.glob('*.json'))
    typed = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(['python', '-m', 'training.commands.judge', *typed])
    config = load_config(given.photographs) if given.photographs else None
    sets = list(judged_sets(given.data, config, given.count, given.limit))
    with ExitStack() as opened:
        systems = [opened.enter_context(open_system(name, 'cpu')) for name in names]
        costs = {system.name: cost_of(system, name) for system, name in zip(systems, names, strict=True)}
        costs |= {system.name: cost_of(system) for system in filters()}
        results = judge_all(sets, systems, given.strips)
    text = page(results, costs, [system.name for system in systems], command, machine())
    replace_text(given.out, text)
    print(f'{given.out}; strips in {given.strips}/')


if __name__ == '__main__':
    raise SystemExit(main())
