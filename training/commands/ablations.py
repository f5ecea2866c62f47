"""The paper's choices, one by one: `python -m training.commands.ablations [key=value ...]`.

Trains the variants of catalogue.py that are not trained yet and compares them. By default at a size that a
CPU trains in minutes, on synthetic data; with `--full --data ROOT` as config/train says, on the published
sets that lie in ROOT. The folder of --out gets the runs, and a table of each ablation, NAME.json and NAME.md.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from restore_node.common.atomic import replace_text
from restore_node.common.console import table_console
from restore_node.common.errors import ConfigError
from training.commands.cli import command_parser, count, one_line_errors
from training.data.example_photographs import provide_photographs
from training.evaluation.report import markdown, show
from training.evaluation.tables import Table
from training.experiments.catalogue import choose, full_ablations, small_ablations
from training.experiments.comparison import CONVENTION_WORDS, RULE, Row, compare
from training.experiments.plans import Ablation, Planner
from training.experiments.runs import default_jobs, train_all
from training.runs.provenance import commit


def measure(ablation: Ablation, planner: Planner, seeds: Sequence[int]) -> list[Row]:
    """Measure the finished runs of an ablation."""
    measured = {
        (variant.name, test.name): {
            seed: planner.run(variant, seed).measure(planner.pairs(test)) for seed in seeds
        }
        for test in ablation.tests
        for variant in ablation.variants
    }
    steps = {variant.name: planner.steps(variant) for variant in ablation.variants}
    return compare(measured, steps)


def make_table(ablation: Ablation, rows: Sequence[Row], planner: Planner, seeds: Sequence[int]) -> Table:
    """An ablation as a table."""
    config = planner.run(ablation.variants[0], seeds[0]).config
    images = sorted({quality.images for row in rows for quality in row.qualities.values()})
    counts, trained = ' or '.join(map(str, images)), ', '.join(map(str, seeds))
    return Table(
        ablation.title,
        ('variant', 'test', 'input dB', 'steps', 'PSNR dB / SSIM', 'difference dB', 'spread dB', 'verdict'),
        [_cells(row) for row in rows],
        [
            f'The claim. {ablation.claim}.',
            f'PSNR and SSIM: {CONVENTION_WORDS}; means over {counts} images and seeds {trained}.',
            f'Network {config.network} with {config.network_options}; batch {config.schedule.batch}, crops '
            f'of {config.data.crop_px} px; averaged weights are measured.',
            *(f'{one.name}: {planner.steps(one)} steps, from which others start.' for one in ablation.before),
            RULE,
        ],
    )


def _cells(row: Row) -> tuple[str, ...]:
    degraded = next(iter(row.qualities.values())).psnr_degraded_db
    return (
        row.variant,
        row.test,
        f'{degraded:.2f}',
        str(row.steps),
        f'{row.psnr_db:.2f} / {row.ssim:.3f}',
        '-' if row.difference_db is None else f'{row.difference_db:+.2f}',
        '-' if row.spread_db is None else f'{row.spread_db:.2f}',
        row.verdict,
    )


def ablate(
    ablations: Sequence[Ablation], planner: Planner, seeds: Sequence[int], jobs: int, out: Path
) -> None:
    """Train what is not trained yet with each seed, compare, and write down what came of it.

    Everything goes into the folder `out`; unfinished ablations in it go on. Raises ConfigError before
    anything is trained, where the overrides do not go with an ablation, and RestoreError for what goes wrong.
    """
    console = table_console()
    # All of them first: what cannot be trained must not come out after hours of training something else.
    planned = [(ablation, planner.chains([ablation], seeds)) for ablation in ablations]
    for ablation, chains in planned:
        for chain in chains:
            provide_photographs(chain[0].config)
        train_all(chains, jobs, lambda run: console.print(f'finished: {run.name}', highlight=False))
        rows = measure(ablation, planner, seeds)
        table = make_table(ablation, rows, planner, seeds)
        replace_text(out / f'{ablation.name}.json', json.dumps(summarise(ablation, rows), indent=1) + '\n')
        replace_text(out / f'{ablation.name}.md', markdown([table]))
        show([table], console)


def summarise(ablation: Ablation, rows: Sequence[Row]) -> dict[str, Any]:
    """All figures of an ablation, as plain values."""
    return {
        'name': ablation.name,
        'claim': ablation.claim,
        'commit': commit(),
        'convention': CONVENTION_WORDS,
        'rule': RULE,
        'rows': [asdict(row) for row in rows],
    }


def print_commands(ablations: Sequence[Ablation], planner: Planner, seeds: Sequence[int]) -> None:
    """Write the configurations of all runs, and print the commands that train them."""
    for run in (run for chain in planner.chains(ablations, seeds) for run in chain):
        run.write_config()
        print(shlex.join(run.command()))


@one_line_errors
def main(arguments: list[str] | None = None) -> int:
    """Run the ablations. Returns the exit code."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    add('overrides', nargs='*', metavar='key=value', help='of every run, such as seed=2')
    names = ', '.join(ablation.name for ablation in small_ablations())
    add('--only', nargs='+', default=[], metavar='NAME', help=f'some of {names}')
    add('--full', action='store_true', help="at the paper's size; wants --data and a GPU")
    add('--data', type=Path, help='folder of GOPRO_Large, Rain800, Rain100H, Rain100L')
    add('--commands', action='store_true', help='only write the configs and print commands')
    add('--seeds', type=int, nargs='+', metavar='N', help='default: 1 2 3; with --full 1')
    add('--jobs', type=count, default=default_jobs(), metavar='N', help='trainings side by side')
    add('--out', type=Path, help='default: out/ablations, with --full runs/ablations')
    options = parser.parse_intermixed_args(arguments)
    if options.full != bool(options.data):
        raise ConfigError(
            '--full and --data', seen='one of them', wanted='both', fix='give --full --data ROOT'
        )
    ablations = choose(full_ablations() if options.full else small_ablations(), options.only)
    seeds = options.seeds or ([1] if options.full else [1, 2, 3])
    out = options.out or Path('runs' if options.full else 'out', 'ablations')
    planner = Planner(out / 'runs', options.overrides, options.data)
    if options.commands:
        print_commands(ablations, planner, seeds)
        return 0
    ablate(ablations, planner, seeds, options.jobs, out)
    print(f'{out}: {", ".join(f"{one.name}.md, {one.name}.json" for one in ablations)}, runs/')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
