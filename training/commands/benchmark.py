"""What a training step costs: `python -m training.commands.benchmark CONFIG [key=value ...]`.

Trains a generator as one process of a run does (same data, objective, optimizer and device) and splits each
step into waiting for data, forward pass with the loss, backward pass and optimizer. The device's peak is
measured in the same run, by a large matrix product in the same precision. `--loader` measures as well how
many patches a second the loader makes with different numbers of workers. A ratio above 1 to what the model
consumes means that it never waits, as long as workers have cores of their own.
"""

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Column, Table

from restore_node.common.atomic import replace_text
from restore_node.common.console import table_console
from restore_node.common.timing import percentiles
from training.commands.cli import command_parser, count, one_line_errors, positive
from training.config.run import TrainConfig, config_values, load_config
from training.data.example_photographs import provide_photographs
from training.data.feed import open_feed
from training.data.loader import batches
from training.data.samples import LANE_STEPS, Source
from training.loop.devices import make_fabric, precision_of, processes_of, set_up_device
from training.loop.step_timing import PARTS, TimedLearner, device_name, memory_bytes, peak_flops, time_steps
from training.networks.costs import macs_per_pixel, parameters
from training.runs.generator import generator_of

WARM_UP_STEPS = 20
FORWARD_AND_BACKWARD = 3
"""A backward pass costs two forward passes: the gradients of what goes in, and of the weights."""


def one_process(config: TrainConfig) -> TrainConfig:
    """The configuration of one process with its share of the batch.

    The pool is the smallest there is. A patch still serves as many crops, but none are kept from long ago,
    so the loader works at its lasting pace at once.
    """
    share = config.schedule.batch // processes_of(config)
    return replace(
        config,
        devices=1,
        cpu_processes=1,
        precision=precision_of(config),
        schedule=replace(config.schedule, batch=share),
        data=replace(config.data, pool=1),
    )


def benchmark(config: TrainConfig, steps: int, loader: Sequence[int], seconds: float) -> dict[str, Any]:
    """Measure so many steps of a run's process, after WARM_UP_STEPS, and the loader with numbers of workers.

    Returns plain values: device, step times in ms by part with p50, p95 and p99, patches per second, FLOPs
    and their share of the peak, memory at the start and at the end, and patches per second that the loader
    makes in so many seconds. Raises RestoreError where the run cannot be made as configured, or its data is
    broken.
    """
    config = one_process(config)
    fabric = make_fabric(config)
    fabric.launch()
    set_up_device(fabric)
    device = fabric.device
    peak = peak_flops(device, config.precision)
    source = open_feed(config).source
    generator = TimedLearner.of_generator(fabric, config)
    stream = batches(source, config.schedule.batch, workers=config.data.workers)
    time_steps(fabric, generator, config, stream, WARM_UP_STEPS)
    memory_before = memory_bytes(device)
    times = time_steps(fabric, generator, config, stream, steps)
    memory_after = memory_bytes(device)
    network = generator_of(config)
    macs, batch = macs_per_pixel(network), config.schedule.batch
    flops = 2 * FORWARD_AND_BACKWARD * macs * batch * config.data.crop_px**2
    median_s = {part: float(np.median(seconds)) for part, seconds in times.items()}
    step_s = median_s['step']
    return {
        'device': device_name(device),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'config': config_values(config),
        'parameters': parameters(network),
        'macs_per_pixel': macs,
        'flops_per_step': flops,
        'steps': steps,
        'warm_up_steps': WARM_UP_STEPS,
        'step_ms': {part: percentiles(1e3 * taken) for part, taken in times.items()},
        'share': {part: float(times[part].sum() / times['step'].sum()) for part in PARTS},
        'patches_per_s': batch / step_s,
        # Without waiting for data.
        'patches_consumed_per_s': batch / (step_s - median_s['data']),
        'patches_loaded_per_s': {workers: time_loader(source, batch, workers, seconds) for workers in loader},
        'flops_per_s': flops / step_s,
        'peak_flops_per_s': peak,
        'share_of_peak': flops / step_s / peak,
        # Without the optimizer, too: what the kernels reach.
        'share_of_peak_in_passes': flops / (median_s['forward'] + median_s['backward']) / peak,
        'memory_bytes': {
            'kind': 'allocated on the GPU' if device.type == 'cuda' else 'resident set',
            'before': memory_before,
            'after': memory_after,
            'most_allocated': torch.cuda.max_memory_allocated() if device.type == 'cuda' else None,
        },
    }


def time_loader(source: Source, batch: int, workers: int, seconds: float) -> float:
    """How many patches a second the loader makes once all lanes are filled; raises what samples raise."""
    # A worker has one core, and so has its measurement without one.
    cv2.setNumThreads(1)
    made = batches(source, batch, workers=workers)
    for _ in itertools.islice(made, LANE_STEPS):
        pass
    patches, began = 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds or not patches:
        patches += len(next(made)[0])
    return patches / elapsed


def show(found: dict[str, Any], console: Console) -> None:
    """Print what `benchmark` found."""
    config, compiled = found['config'], ', compiled' if found['config']['compile'] else ''
    grid = Table(
        'part of a step',
        *(Column(heading, justify='right') for heading in ('p50 ms', 'p95 ms', 'p99 ms', 'share')),
        title=f'{config["network"]}, batch {config["schedule"]["batch"]} of {config["data"]["crop_px"]} px, '
        f'{config["precision"]}{compiled}, on {found["device"]}, {found["threads"]} threads',
        title_justify='left',
    )
    for part, times in found['step_ms'].items():
        share = f'{found["share"][part]:.0%}' if part in found['share'] else ''
        grid.add_row(part, *(f'{times[name]:.2f}' for name in ('p50', 'p95', 'p99')), share)
    console.print(grid)
    memory = found['memory_bytes']
    grown = (memory['after'] - memory['before']) / 2**20
    consumed = found['patches_consumed_per_s']
    for line in (
        f'{found["patches_per_s"]:.1f} patches/s; {found["steps"]} steps after {found["warm_up_steps"]}',
        f'{found["flops_per_s"] / 1e9:,.0f} GFLOP/s, {found["share_of_peak"]:.0%} of the peak of a matrix '
        f'product here, {found["peak_flops_per_s"] / 1e9:,.0f} GFLOP/s; in forward and backward '
        f'{found["share_of_peak_in_passes"]:.0%}',
        f'memory ({memory["kind"]}): {memory["before"] / 2**20:,.0f} MiB, {grown:+.1f} MiB over the steps',
        *(
            f'loader with {workers} workers: {rate:.0f} patches/s, {rate / consumed:.2f} of the '
            f'{consumed:.0f} that the model consumes'
            for workers, rate in found['patches_loaded_per_s'].items()
        ),
    ):
        console.print(line, highlight=False)


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Measure as the command line says."""
    parser = command_parser(__file__, __doc__, config=True)
    add = parser.add_argument
    add('--steps', type=count, default=100, help='to measure (default: %(default)s)')
    add('--loader', type=int, nargs='+', default=[], metavar='N', help='measure it with so many workers, too')
    add('--seconds', type=positive, default=5.0, help='for each of these measurements (default: %(default)s)')
    add('--json', type=Path, help='file for all figures')
    given = parser.parse_intermixed_args(arguments)
    config = load_config(given.config, given.overrides)
    provide_photographs(config)
    found = benchmark(config, given.steps, given.loader, given.seconds)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        replace_text(given.json, json.dumps(found, indent=1) + '\n')
    show(found, table_console())


if __name__ == '__main__':
    raise SystemExit(main())
