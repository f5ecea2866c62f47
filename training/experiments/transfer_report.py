"""What is said of the transfer experiment: tables, a plot, and the figures for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.config.run import TrainConfig
from training.evaluation import report
from training.evaluation.quality import Quality
from training.evaluation.tables import Table
from training.experiments.comparison import CONVENTION_WORDS
from training.experiments.curves import Curve, share_saved
from training.networks.costs import macs_per_pixel, parameters
from training.runs.generator import generator_of
from training.runs.provenance import commit

LEVELS = (0.25, 0.5, 0.75, 0.9, 1.0)
"""Where steps are compared: shares of what training from scratch gains in all."""

STYLES = {
    'scratch': ('from scratch', 'tab:blue', '-'),
    'transfer': ('from deblurring', 'tab:orange', '-'),
    'short_scratch': ('from scratch, a fifth of the steps', 'tab:blue', ':'),
    'short_transfer': ('from deblurring, a fifth of the steps', 'tab:orange', ':'),
}
"""Of each training: what tables and plot call it, colour and line."""


@dataclass(frozen=True)
class SeedResult:
    """What came of one seed: PSNR of rain held out, by step, and what each training ended with.

    Both are by the names of `STYLES`; pretraining steps are those of the deblurring generator.
    """

    seed: int
    pretraining_steps: int
    curves: Mapping[str, Curve]
    final: Mapping[str, Quality]


def tables(results: Sequence[SeedResult], config: TrainConfig) -> list[Table]:
    """The experiment's tables, of one result for each seed."""
    notes = _notes(results, config)
    return [
        Table(
            'Deraining: steps saved at equal PSNR by starting from deblurring',
            (
                'what scratch gains',
                'PSNR dB',
                'steps from scratch',
                'from deblurring',
                'saved',
                'and those of deblurring',
            ),
            [_level_row(share, results) for share in LEVELS],
            [*notes, 'Means over the seeds; in brackets the lowest and the highest. Below 0 it takes more.'],
        ),
        Table(
            'Deraining: where each training ends',
            ('training', 'steps', 'PSNR dB / SSIM', 'PSNR dB by seed', 'convention'),
            list(_final_rows(results)),
            notes,
        ),
    ]


def summarise(results: Sequence[SeedResult], config: TrainConfig) -> dict[str, Any]:
    """All figures, as plain values."""
    return {
        'network': config.network,
        'network_options': config.network_options,
        'parameters': parameters(generator_of(config)),
        'steps': config.schedule.total_steps,
        'batch': config.schedule.batch,
        'crop_px': config.data.crop_px,
        'roots': [
            root
            for source in config.data.sources
            for root in ([source.pairs.root] if source.pairs else source.sharp.roots)
        ],
        'patches_held_out': config.validation.patches,
        'convention': CONVENTION_WORDS,
        'commit': commit(),
        'seeds': [
            {
                'seed': result.seed,
                'pretraining_steps': result.pretraining_steps,
                **{name: asdict(curve) for name, curve in result.curves.items()},
                'final': {STYLES[name][0]: asdict(quality) for name, quality in result.final.items()},
                'levels': [{'share_of_gain': share} | _at_level(result, share) for share in LEVELS],
            }
            for result in results
        ],
    }


def markdown(made: Sequence[Table]) -> str:
    """The tables, and the plot beside them."""
    return f'{report.markdown(made)}\n![PSNR against steps](transfer.png)\n'


def draw(results: Sequence[SeedResult], config: TrainConfig, path: Path) -> None:
    """Plot PSNR against steps as a PNG: every seed thin, their mean thick."""
    figure = Figure(figsize=(7.5, 4.5), dpi=110, layout='constrained')
    axes = figure.subplots()
    for name, (label, colour, line) in STYLES.items():
        curves = [result.curves[name] for result in results]
        for curve in curves:
            axes.plot(curve.steps, curve.psnr_db, line, color=colour, linewidth=0.7, alpha=0.5)
        mean = np.mean([curve.psnr_db for curve in curves], axis=0)
        axes.plot(curves[0].steps, mean, line, color=colour, linewidth=2.0, label=label)
    degraded = float(np.mean([result.curves['scratch'].psnr_db[0] for result in results]))
    axes.axhline(degraded, color='0.6', linewidth=0.8, label='degraded input')
    axes.set_xlabel(f'steps of deraining, {config.schedule.batch} crops of {config.data.crop_px} px each')
    axes.set_ylabel('PSNR of images held out, RGB, dB')
    axes.set_title(f'Deraining with and without {results[0].pretraining_steps} steps of deblurring before')
    axes.grid(alpha=0.3)
    axes.legend(loc='lower right')
    figure.savefig(path, format='png')


def _at_level(result: SeedResult, share: float) -> dict[str, float | None]:
    """Steps to the level where this share is reached of what training from scratch gains."""
    scratch, transfer, before = result.curves['scratch'], result.curves['transfer'], result.pretraining_steps
    level = scratch.level(share)
    taken = transfer.steps_to(level)
    return {
        'psnr_db': level,
        'steps_scratch': scratch.steps_to(level),
        'steps_transfer': taken,
        'saved': share_saved(scratch, transfer, level),
        'steps_with_pretraining': None if taken is None else before + taken,
        'saved_with_pretraining': share_saved(scratch, transfer, level, before),
    }


def _level_row(share: float, results: Sequence[SeedResult]) -> tuple[str, ...]:
    formats = {
        'psnr_db': '{:.2f}',
        'steps_scratch': '{:.0f}',
        'steps_transfer': '{:.0f}',
        'saved': '{:.0%}',
        'steps_with_pretraining': '{:.0f}',
    }
    found = [_at_level(result, share) for result in results]
    return (f'{share:.0%}', *(_spread([one[name] for one in found], how) for name, how in formats.items()))


def _spread(values: Sequence[float | None], how: str) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return f'not reached by {len(values) - len(known)} of {len(values)}'
    middle = how.format(np.mean(known))
    return middle if len(known) == 1 else f'{middle} ({how.format(min(known))} to {how.format(max(known))})'


def _final_rows(results: Sequence[SeedResult]) -> Iterator[tuple[str, ...]]:
    """PSNR and SSIM of the degraded input, then of every training, and PSNR by seed."""
    finals = [result.final['scratch'] for result in results]
    found = {('degraded input', '-'): [(one.psnr_degraded_db, one.ssim_degraded) for one in finals]}
    for name, (label, *_) in STYLES.items():
        finals = [result.final[name] for result in results]
        steps = str(results[0].curves[name].steps[-1])
        found[label, steps] = [(one.psnr_restored_db, one.ssim_restored) for one in finals]
    for training, figures in found.items():
        psnr_db, ssim = np.mean(figures, axis=0)
        by_seed = ', '.join(f'{one:.2f}' for one, _ in figures)
        yield *training, f'{psnr_db:.2f} / {ssim:.3f}', by_seed, 'rgb'


def _notes(results: Sequence[SeedResult], config: TrainConfig) -> list[str]:
    network = generator_of(config)
    images, sides = 'photographs held out; every seed has its own rain', config.data.patch_px
    if config.data.sources[0].pairs:
        images, sides = 'pairs held out', config.data.crop_px
    return [
        f'PSNR in dB and SSIM, means over {config.validation.patches} patches of {sides} px of {images}; '
        f'{CONVENTION_WORDS}.',
        f'Network {config.network} with {config.network_options}: {parameters(network):,} parameters, '
        f'{macs_per_pixel(network):,} MAC per pixel. {config.optimizer.name.capitalize()}, batch '
        f'{config.schedule.batch}, crops of {config.data.crop_px} px, '
        f'seeds {", ".join(str(result.seed) for result in results)}.',
        f'The deblurring generator had {results[0].pretraining_steps} steps before, each about as dear as '
        "one of deraining; the paper's claim does not count them.",
    ]
