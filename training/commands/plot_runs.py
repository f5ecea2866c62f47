"""Plot what runs gained on photographs held out: `python -m training.commands.plot_runs RUN [RUN ...]`.

Runs are drawn one after the other, in the order given: the stages of one training. Each stage measures on
patches of its own, so what is comparable from one to the next is the gain over the degraded patches.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from restore_node.common.atomic import replacing, writing
from restore_node.common.errors import InputError
from training.commands.cli import command_parser, one_line_errors
from training.evaluation.quality import Quality
from training.loop.records import read_qualities
from training.runs.folder import RunFolder

Measured = Mapping[int, Mapping[str, Quality]]
"""By step and kind of degradation."""


def draw(runs: Sequence[Measured], path: Path) -> None:
    """Plot the gain in PSNR against steps as a PNG, a line for each kind, a break where a run ends."""
    figure = Figure(figsize=(7.5, 4.5), dpi=110, layout='constrained')
    axes = figure.subplots()
    kinds = list(dict.fromkeys(kind for run in runs for seen in run.values() for kind in seen))
    colours = {kind: f'C{number}' for number, kind in enumerate(kinds)}
    start = 0
    for run in runs:
        for kind, colour in colours.items():
            points = {start + step: seen[kind] for step, seen in run.items() if kind in seen}
            gains = [quality.psnr_restored_db - quality.psnr_degraded_db for quality in points.values()]
            axes.plot([*points], gains, 'o-', markersize=4, color=colour)
        start += max(run)
        axes.axvline(start, color='0.8', linewidth=0.8)
    axes.axhline(0.0, color='0.6', linewidth=0.8)
    axes.set_xlabel('steps, all runs one after the other')
    axes.set_ylabel('gain in PSNR on photographs held out, RGB, dB')
    axes.grid(alpha=0.3)
    lines = [Line2D([], [], color=colour) for colour in colours.values()]
    figure.legend(lines, kinds, loc='outside right center')
    with writing(path, fix='name a file in a folder that exists'), replacing(path) as unfinished:
        figure.savefig(unfinished, format='png')


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Plot as the command line says."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    add('runs', nargs='+', metavar='RUN', type=Path, help='folder of a run')
    add('--out', type=Path, default=Path('runs.png'), help='the plot (default: %(default)s)')
    options = parser.parse_args(arguments)
    measured = [read_qualities(RunFolder(run)) for run in options.runs]
    for run, qualities in zip(options.runs, measured, strict=True):
        if not qualities:
            raise InputError(f'{run} has measured nothing yet', fix='see validation in its config')
    draw(measured, options.out)
    print(options.out)


if __name__ == '__main__':
    raise SystemExit(main())
