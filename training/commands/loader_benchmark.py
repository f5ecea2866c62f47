"""Does the loader keep up with the model? `python -m training.commands.loader_benchmark CONFIG [key=value]`.

Measures, on this machine and one after the other, how many patches a second one training process consumes
and how many the loader makes with different numbers of workers. A ratio above 1 means that the model never
waits, as long as workers have cores of their own.
"""

import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import torch
from rich.table import Table

from restore_node.common.console import table_console
from restore_node.common.errors import ConfigError
from training.commands.cli import command_parser, one_line_errors, positive
from training.config.run import TrainConfig, load_config
from training.data.feed import Feed, open_feed
from training.data.loader import batches
from training.data.samples import LANE_STEPS
from training.loop.devices import accelerator_of, make_fabric, processes_of, set_up_device
from training.loop.step_timing import TimedLearner, device_name, time_steps

_WARM_UP_STEPS = 3
_MOST_STEPS = 10_000


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
        schedule=replace(config.schedule, batch=share),
        data=replace(config.data, pool=1),
    )


def measure_model(config: TrainConfig, batch: Any, seconds: float) -> float:
    """How many patches a second training steps take in one process, each the same batch."""
    fabric = make_fabric(config)
    fabric.launch()
    set_up_device(fabric)
    generator = TimedLearner.of_generator(fabric, config)
    time_steps(fabric, generator, config, itertools.repeat(batch), _WARM_UP_STEPS)
    times = time_steps(fabric, generator, config, itertools.repeat(batch), _MOST_STEPS, seconds)
    return config.schedule.batch / times.median('step')


def measure_loader(feed: Feed, config: TrainConfig, workers: int, seconds: float) -> float:
    """How many patches a second the loader makes once all lanes are filled; raises what samples raise."""
    made = batches(feed.source, config.schedule.batch, workers=workers)
    for _ in itertools.islice(made, LANE_STEPS):
        pass
    patches, began = 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds or not patches:
        patches += len(next(made)[0])
    return patches / elapsed


def benchmark(config: TrainConfig, workers: Sequence[int], seconds: float) -> tuple[float, dict[int, float]]:
    """Measure the model, and the loader with each number of workers, in patches a second."""
    config = one_process(config)
    feed = open_feed(config)
    first = next(batches(feed.source, config.schedule.batch))
    model = measure_model(config, first, seconds)
    # A worker has one core, and so has its measurement without one.
    cv2.setNumThreads(1)
    return model, {count: measure_loader(feed, config, count, seconds) for count in workers}


def _show(config: TrainConfig, model: float, loader: dict[int, float]) -> None:
    device = torch.device(accelerator_of(config))
    table = Table(
        title=f'{config.name} on {device_name(device)}: one process of '
        f'{config.schedule.batch // processes_of(config)} patches of {config.data.crop_px} px a step'
    )
    for heading in ('workers', 'patches/s', 'of what the model consumes'):
        table.add_column(heading, justify='right')
    for count, rate in loader.items():
        ratio = rate / model
        table.add_row(str(count), f'{rate:.0f}', f'{ratio:.2f}')
    table.add_section()
    table.add_row('model', f'{model:.0f}', '')
    table_console().print(table)


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Measure as the command line says."""
    parser = command_parser(__file__, __doc__, config=True)
    add = parser.add_argument
    add('--workers', default='', metavar='N,N', help='default: 0, 1, 2, 4 ... up to the cores')
    add('--seconds', type=positive, default=5.0, help='for each measurement (default: %(default)s)')
    options = parser.parse_intermixed_args(arguments)
    workers = _workers(options.workers)
    config = load_config(options.config, options.overrides)
    _show(config, *benchmark(config, workers, options.seconds))


def _workers(given: str) -> list[int]:
    if not given:
        return [0, *(1 << power for power in range((os.cpu_count() or 1).bit_length()))]
    numbers = given.split(',')
    if not all(number.strip().isdecimal() for number in numbers):
        raise ConfigError('--workers', seen=given, wanted='numbers such as 0,2,8')
    return [int(number) for number in numbers]


if __name__ == '__main__':
    raise SystemExit(main())
