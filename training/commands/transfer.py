"""Does deblurring help deraining? `python -m training.commands.transfer [key=value ...]`, `make transfer`.

The paper's transfer learning (section 4.4) in small: a generator learns to derain, once from scratch and once
from the weights of one that has learnt to deblur; network, photographs, order of the samples, schedule and
seed are the same. Two questions are asked:

- At equal PSNR, how many steps does the second save along its way?
- With a fifth of the steps, and a schedule of its own that ends there, does it come where the first ended?
  (The paper claims that over 80 % is saved.) The same fifth from scratch is the control.

On a real set: --derain names the configuration of another deraining, --deblurred the checkpoint of a
generator that has learnt to deblur, in place of training a small one. docs/training.md shows Rain800's.

Runs, curves, transfer.json, summary.md and transfer.png are in the folder of --out.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from restore_node.common.atomic import replace_text, replacing
from restore_node.common.console import table_console
from training.commands.cli import command_parser, count, one_line_errors
from training.config.run import load_config
from training.data.example_photographs import provide_photographs
from training.evaluation.report import show
from training.experiments.catalogue import SMALL
from training.experiments.curves import read_curve
from training.experiments.plans import held_out
from training.experiments.runs import Run, default_jobs, measure_weights, train_all
from training.experiments.transfer_report import STYLES, SeedResult, draw, markdown, summarise, tables
from training.runs import checkpoint

SHORT_SHARE = 0.2
"""Of the steps, for the direct test: what the paper's "more than 80 %" leaves."""
DEBLUR, DERAIN = SMALL / 'deblur.yaml', SMALL / 'derain.yaml'


def runs_of(
    overrides: Sequence[str], seed: int, folder: Path, derain: Path = DERAIN, deblurred: Path | None = None
) -> dict[str, Run]:
    """The runs of one seed, not started; raises ConfigError for impossible overrides.

    The short trainings have a schedule of their own; `deblurred` saves that of the deblurring generator.
    """

    def run(name: str, config: Path, *own: str) -> Run:
        return Run(f'{name}-{seed}', load_config(config, [*overrides, f'seed={seed}', *own]), folder)

    deblur = None if deblurred else run('deblur', DEBLUR)
    scratch = run('scratch', derain)
    transferred = f'start_from={deblur.folder.checkpoint if deblur else deblurred}'
    short = f'schedule.steps={round(SHORT_SHARE * scratch.config.schedule.total_steps)}'
    return ({'deblur': deblur} if deblur else {}) | {
        'scratch': scratch,
        'transfer': run('transfer', derain, transferred),
        'short_scratch': run('short-scratch', derain, short),
        'short_transfer': run('short-transfer', derain, short, transferred),
    }


def result_of(seed: int, runs: Mapping[str, Run], deblurred: Path | None = None) -> SeedResult:
    """What came of the finished runs of one seed; all are measured on the same images."""
    held = held_out(runs['scratch'].config)
    before = deblurred or runs['deblur'].folder.checkpoint
    final = {name: runs[name].measure(held.pairs) for name in STYLES}
    # An untrained generator returns its input.
    first_db = {
        False: final['scratch'].psnr_degraded_db,
        True: measure_weights(before, held.pairs).psnr_restored_db,
    }
    curves = {name: read_curve(runs[name].folder, held.name, first_db['transfer' in name]) for name in final}
    return SeedResult(seed, checkpoint.load(before).step, curves, final)


def transfer(given: argparse.Namespace, console: Console) -> None:
    """Train what is not trained yet with each seed, and write down what came of it.

    Everything goes into the folder `out`; an unfinished experiment in it goes on.
    """
    out: Path = given.out
    planned = {
        seed: runs_of(given.overrides, seed, out / 'runs', given.derain, given.deblurred)
        for seed in given.seeds
    }
    config = planned[given.seeds[0]]['scratch'].config
    for run in planned[given.seeds[0]].values():
        provide_photographs(run.config)
    # In the order in which they need each other.
    names = ('deblur', 'transfer', 'short_transfer'), ('scratch', 'short_scratch')
    chains = [[runs[name] for name in chain if name in runs] for runs in planned.values() for chain in names]
    train_all(chains, given.jobs, lambda run: console.print(f'finished: {run.name}', highlight=False))
    results = [result_of(seed, runs, given.deblurred) for seed, runs in planned.items()]
    made = tables(results, config)
    with replacing(out / 'transfer.png') as unfinished:
        draw(results, config, unfinished)
    replace_text(out / 'transfer.json', json.dumps(summarise(results, config), indent=1) + '\n')
    replace_text(out / 'summary.md', markdown(made))
    show(made, console)


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Run the experiment."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    add('overrides', nargs='*', metavar='key=value', help='of the configurations')
    add('--derain', type=Path, default=DERAIN, metavar='CONFIG', help=f'of the deraining (default: {DERAIN})')
    add(
        '--deblurred', type=Path, metavar='CHECKPOINT', help='of a generator that deblurs; default: train one'
    )
    add('--out', type=Path, default=Path('out', 'transfer'), help='default: out/transfer')
    add('--seeds', type=int, nargs='+', default=[1, 2], metavar='N', help='default: 1 2')
    add('--jobs', type=count, default=default_jobs(), metavar='N', help='trainings side by side')
    options = parser.parse_intermixed_args(arguments)
    transfer(options, table_console())
    print(f'{options.out}: transfer.png, transfer.json, summary.md, runs/')


if __name__ == '__main__':
    raise SystemExit(main())
