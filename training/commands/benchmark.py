"""What a training step costs: `python -m training.commands.benchmark`, or `make bench-train`.

Trains a generator as the trainer does (same data, objective, optimizer and device) and splits each step into
waiting for data, forward pass with the loss, backward pass and optimizer. The device's peak is measured in
the same run, by a large matrix product in the same precision. No critic and no VGG19 here. For the paper's
generator on a GPU, where crops are in channels_last format and Adam is fused anyway:

    python -m training.commands.benchmark --network paper --batch 8 --crop 256 --compile --workers 16
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from restore_node.common.atomic import replace_text
from restore_node.common.console import table_console
from training.commands.cli import command_parser, count, one_line_errors
from training.config.run import TrainConfig, parse_config
from training.data.example_photographs import EXAMPLES, provide_photographs
from training.data.feed import OpenSource
from training.data.loader import batches
from training.data.photographs import find_photographs
from training.loop.devices import make_fabric, set_up_device
from training.loop.step_timing import PARTS, TimedLearner, device_name, memory_bytes, peak_flops, time_steps
from training.networks.costs import macs_per_pixel, parameters
from training.runs.generator import generator_of

WARM_UP_STEPS = 20
FORWARD_AND_BACKWARD = 3
"""A backward pass costs two forward passes: the gradients of what goes in, and of the weights."""


def make_config(given: argparse.Namespace) -> TrainConfig:
    """The run that is measured; raises ConfigError for what cannot be trained."""
    return parse_config(
        {
            'name': 'benchmark',
            'task': 'restore',
            'network': given.network,
            'data': {
                'roots': [str(given.data)],
                'crop_px': given.crop,
                'patch_px': max(given.crop, 128),
                # The smallest there is: patches are made and forgotten at a steady pace from the first step.
                'pool': 1,
                'workers': given.workers,
            },
            'loss': {'charbonnier': 0.0, 'mean_square': 1.0, 'relative': True},
            'optimizer': {'name': given.optimizer},
            'schedule': {'batch': given.batch, 'steps': WARM_UP_STEPS + given.steps},
            'accelerator': given.device,
            'precision': given.precision,
            'compile': given.compile,
        },
        'of the benchmark',
    )


def benchmark(config: TrainConfig) -> dict[str, Any]:
    """Measure a run of one process, whose first WARM_UP_STEPS steps are not counted.

    Returns plain values: device, step times in ms by part with p50, p95 and p99, patches per second, FLOPs
    and their share of the peak, memory at the start and at the end. Raises RestoreError where the run cannot
    be made as configured, or its data is broken.
    """
    fabric = make_fabric(config)
    fabric.launch()
    set_up_device(fabric)
    peak = peak_flops(fabric.device, config.precision)
    (own,) = config.data.sources
    photographs = find_photographs(own.sharp.roots)
    source = OpenSource(own, photographs, photographs).samples(config)
    generator = TimedLearner.of_generator(fabric, config)
    stream = batches(source, config.schedule.batch, workers=config.data.workers)
    time_steps(fabric, generator, config, stream, WARM_UP_STEPS)
    memory_before = memory_bytes(fabric.device)
    times = time_steps(fabric, generator, config, stream, config.schedule.total_steps - WARM_UP_STEPS)
    work, step = _work(config), times.median('step')
    flops = work['flops_per_step']
    return {
        'device': device_name(fabric.device),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        **work,
        'steps': len(times.seconds['step']),
        'warm_up_steps': WARM_UP_STEPS,
        'step_ms': {part: times.percentiles_ms(part) for part in (*PARTS, 'step')},
        'share': {part: times.share(part) for part in PARTS},
        'patches_per_s': config.schedule.batch / step,
        'flops_per_s': flops / step,
        'peak_flops_per_s': peak,
        'share_of_peak': flops / step / peak,
        # Without waiting for data and without the optimizer: what the kernels reach.
        'share_of_peak_in_passes': flops / (times.median('forward') + times.median('backward')) / peak,
        'memory_bytes': {
            'kind': 'allocated on the GPU' if fabric.device.type == 'cuda' else 'resident set',
            'before': memory_before,
            'after': memory_bytes(fabric.device),
            'most_allocated': torch.cuda.max_memory_allocated() if fabric.device.type == 'cuda' else None,
        },
    }


def _work(config: TrainConfig) -> dict[str, Any]:
    network = generator_of(config)
    macs = macs_per_pixel(network)
    return {
        'network': config.network,
        'parameters': parameters(network),
        'macs_per_pixel': macs,
        'batch': config.schedule.batch,
        'crop_px': config.data.crop_px,
        'precision': config.precision,
        'compiled': config.compile,
        'optimizer': config.optimizer.name,
        'workers': config.data.workers,
        'flops_per_step': 2 * FORWARD_AND_BACKWARD * macs * config.schedule.batch * config.data.crop_px**2,
    }


def show(found: dict[str, Any], console: Console) -> None:
    """Print what `benchmark` found."""
    compiled = ', compiled' if found['compiled'] else ''
    grid = Table(
        title=f'{found["network"]}, batch {found["batch"]} of {found["crop_px"]} px, {found["precision"]}'
        f'{compiled}, on {found["device"]}, {found["threads"]} threads',
        title_justify='left',
    )
    grid.add_column('part of a step')
    for heading in ('p50 ms', 'p95 ms', 'p99 ms', 'share'):
        grid.add_column(heading, justify='right')
    for part, times in found['step_ms'].items():
        share = f'{found["share"][part]:.0%}' if part in found['share'] else ''
        grid.add_row(part, *(f'{times[name]:.2f}' for name in ('p50', 'p95', 'p99')), share)
    console.print(grid)
    memory = found['memory_bytes']
    grown = (memory['after'] - memory['before']) / 2**20
    for line in (
        f'{found["patches_per_s"]:.1f} patches/s; {found["steps"]} steps after {found["warm_up_steps"]}',
        f'{found["flops_per_s"] / 1e9:,.0f} GFLOP/s, {found["share_of_peak"]:.0%} of the peak of a matrix '
        f'product here, {found["peak_flops_per_s"] / 1e9:,.0f} GFLOP/s; in forward and backward '
        f'{found["share_of_peak_in_passes"]:.0%}',
        f'memory ({memory["kind"]}): {memory["before"] / 2**20:,.0f} MiB, {grown:+.1f} MiB over the steps',
    ):
        console.print(line, highlight=False)


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Measure as the command line says."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    add('--network', default='lite', help='default: %(default)s')
    add('--batch', type=int, default=8, help='default: %(default)s')
    add('--crop', type=int, default=128, metavar='PX', help='default: %(default)s')
    add('--precision', choices=('32-true', 'bf16-mixed'), default='bf16-mixed')
    add('--compile', action='store_true', help='run the generator through torch.compile')
    add('--optimizer', choices=('adam', 'muon'), default='adam')
    add('--steps', type=count, default=100, help='to measure (default: %(default)s)')
    add('--workers', type=int, default=0, help='processes that make data beside')
    add('--device', choices=('auto', 'cpu', 'cuda'), default='auto')
    add('--data', type=Path, default=EXAMPLES, help="default: scikit-image's photographs")
    add('--json', type=Path, help='file for all figures')
    given = parser.parse_args(arguments)
    config = make_config(given)
    provide_photographs(config)
    found = benchmark(config)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        replace_text(given.json, json.dumps(found, indent=1) + '\n')
    show(found, table_console())


if __name__ == '__main__':
    raise SystemExit(main())
