"""Does deblurring help deraining? `python -m training.commands.transfer [key=value ...]`, `make transfer`.

The paper's transfer learning (section 4.4) in small: a generator learns to derain, once from scratch and once
from the weights of one that has learnt to deblur; network, photographs, order of the samples, schedule and
seed are the same. Two questions are asked:

- At equal PSNR, how many steps does the second save along its way?
- With a fifth of the steps, and a schedule of its own that ends there, does it come where the first ended?
  (The paper claims that over 80 % is saved.) The same fifth from scratch is the control.

Runs, curves, transfer.json, summary.md and transfer.png are in the folder of --out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from restore_node.common.atomic import replace_text, replacing
from restore_node.common.console import table_console
from training.commands.cli import command_parser, count, one_line_errors
from training.config.run import TrainConfig, load_config
from training.data.example_photographs import provide_photographs
from training.evaluation.quality import Quality
from training.evaluation.report import show
from training.experiments.catalogue import SMALL
from training.experiments.curves import read_curve
from training.experiments.measuring import measure_run
from training.experiments.runs import Run, default_jobs, train_all
from training.experiments.transfer_report import SeedResult, draw, markdown, summarise, tables

SHORT_SHARE = 0.2
"""Of the steps, for the direct test: what the paper's "more than 80 %" leaves."""


@dataclass(frozen=True)
class SeedRuns:
    """The runs of one seed; those of the short trainings have a schedule of their own."""

    seed: int
    deblur: Run
    scratch: Run
    transfer: Run
    short_scratch: Run
    short_transfer: Run

    def chains(self) -> list[list[Run]]:
        """Runs in the order in which they need each other."""
        return [[self.deblur, self.transfer, self.short_transfer], [self.scratch, self.short_scratch]]


def runs_of(overrides: Sequence[str], seed: int, folder: Path) -> SeedRuns:
    """The runs of one seed, not started; raises ConfigError for impossible overrides."""

    def run(name: str, task: str, *own: str) -> Run:
        config = load_config(SMALL / f'{task}.yaml', [*overrides, f'seed={seed}', *own])
        return Run(f'{name}-{seed}', config, folder)

    deblur = run('deblur', 'deblur')
    transferred = f'start_from={deblur.folder.checkpoint}'
    scratch = run('scratch', 'derain')
    short = f'schedule.steps={round(SHORT_SHARE * scratch.config.schedule.total_steps)}'
    return SeedRuns(
        seed,
        deblur,
        scratch,
        run('transfer', 'derain', transferred),
        run('short-scratch', 'derain', short),
        run('short-transfer', 'derain', short, transferred),
    )


def result_of(runs: SeedRuns) -> SeedResult:
    """What came of the finished runs of one seed; all are measured on the same patches."""
    config = runs.scratch.config
    kind = config.validation.kinds[0]

    def final(run: Run) -> Quality:
        return measure_run(run, config)

    from_scratch, deblurring = final(runs.scratch), final(runs.deblur)
    # An untrained generator returns its input.
    untrained_db, deblurring_db = from_scratch.psnr_degraded_db, deblurring.psnr_restored_db
    return SeedResult(
        seed=runs.seed,
        scratch=read_curve(runs.scratch.folder, kind, untrained_db),
        transfer=read_curve(runs.transfer.folder, kind, deblurring_db),
        short_scratch=read_curve(runs.short_scratch.folder, kind, untrained_db),
        short_transfer=read_curve(runs.short_transfer.folder, kind, deblurring_db),
        pretraining_steps=runs.deblur.config.schedule.total_steps,
        final={
            'from scratch': from_scratch,
            'from deblurring': final(runs.transfer),
            'from scratch, a fifth of the steps': final(runs.short_scratch),
            'from deblurring, a fifth of the steps': final(runs.short_transfer),
        },
    )


def transfer(overrides: Sequence[str], seeds: Sequence[int], jobs: int, out: Path, console: Console) -> None:
    """Train what is not trained yet, and write down what came of it.

    Args:
        overrides: of both configurations, `key=value`.
        seeds: one set of runs for each.
        jobs: trainings at a time.
        out: folder for everything; an unfinished experiment in it goes on.
        console: gets the tables, and a line for each run that is finished.

    Raises:
        RestoreError: whatever goes wrong in a run.
    """
    planned = [runs_of(overrides, seed, out / 'runs') for seed in seeds]
    config: TrainConfig = planned[0].scratch.config
    provide_photographs(config)
    train_all(
        [chain for runs in planned for chain in runs.chains()],
        jobs,
        lambda run: console.print(f'finished: {run.name}', highlight=False),
    )
    results = [result_of(runs) for runs in planned]
    made = tables(results, config)
    with replacing(out / 'transfer.png') as unfinished:
        draw(results, config, unfinished)
    replace_text(out / 'transfer.json', json.dumps(summarise(results, config), indent=1) + '\n')
    replace_text(out / 'summary.md', markdown(made))
    show(made, console)


@one_line_errors
def main(arguments: list[str] | None = None) -> int:
    """Run the experiment. Returns the exit code."""
    parser = command_parser(__file__, __doc__)
    parser.add_argument('overrides', nargs='*', metavar='key=value', help='of both configurations')
    parser.add_argument('--out', type=Path, default=Path('out', 'transfer'), help='default: out/transfer')
    parser.add_argument('--seeds', type=int, nargs='+', default=[1, 2], metavar='N', help='default: 1 2')
    parser.add_argument(
        '--jobs', type=count, default=default_jobs(), metavar='N', help='trainings side by side'
    )
    options = parser.parse_intermixed_args(arguments)
    transfer(options.overrides, options.seeds, options.jobs, options.out, table_console())
    print(f'{options.out}: transfer.png, transfer.json, summary.md, runs/')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
