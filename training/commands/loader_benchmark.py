"""Does the loader keep up with the model? `python -m training.commands.loader_benchmark CONFIG [key=value]`.

Measures, on this machine and one after the other, how many patches a second one training process consumes
and how many the loader makes with different numbers of workers. A ratio above 1 means that the model never
waits, as long as workers have cores of their own.
"""

import argparse
import itertools
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import torch
from rich.table import Table

from restore_node.common.console import table_console
from restore_node.common.errors import ConfigError, RestoreError
from training.commands.cli import report_errors
from training.config.run import TrainConfig, load_config
from training.data.feed import Feed, open_feed
from training.data.loader import batches
from training.data.samples import LANE_STEPS
from training.loop.device_batch import on_device, to_unit
from training.loop.devices import make_fabric, processes_of, set_up_device
from training.loop.learner import Learner
from training.loop.objectives import make_objective

_WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Rate:
    """How often something was done: `patches` in `seconds`."""

    patches: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Patches a second."""
        return self.patches / self.seconds


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


def measure_model(config: TrainConfig, batch: Any, seconds: float) -> Rate:
    """How fast training steps of a configuration are on its device, without the loader.

    Args:
        config: of one process.
        batch: as the loader gave it; every step takes the same.
        seconds: how long to measure.

    Raises:
        ConfigError: the network, a loss or the device is not to be had.
    """
    fabric = make_fabric(config)
    fabric.launch()
    set_up_device(fabric)
    objective = make_objective(fabric, Learner.of_generator(fabric, config), config.loss)

    def steps() -> Iterator[int]:
        while True:
            degraded, sharp = map(to_unit, on_device(batch, fabric.device))
            # Looking at the loss waits for the device.
            float(objective.step(degraded, sharp, config.schedule.final_learning_rate)['loss'])
            yield len(sharp)

    return _measure(steps(), seconds, warm_up=_WARM_UP_STEPS)


def measure_loader(feed: Feed, config: TrainConfig, workers: int, seconds: float) -> Rate:
    """How fast the loader makes patches, once every lane has its first ones. Raises what samples raise."""
    made = batches(feed.source, config.schedule.batch, workers=workers)
    return _measure((len(batch[0]) for batch in made), seconds, warm_up=LANE_STEPS)


def _measure(steps: Iterator[int], seconds: float, warm_up: int) -> Rate:
    for _ in itertools.islice(steps, warm_up):
        pass
    patches, began = 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds or not patches:
        patches += next(steps)
    return Rate(patches, elapsed)


def benchmark(config: TrainConfig, workers: Sequence[int], seconds: float) -> tuple[Rate, dict[int, Rate]]:
    """Measure the model, and the loader with each number of workers.

    Raises:
        RestoreError: the configuration cannot be trained here, or its data is broken.
    """
    config = one_process(config)
    feed = open_feed(config)
    first = next(batches(feed.source, config.schedule.batch))
    model = measure_model(config, first, seconds)
    # A worker has one core, and so has its measurement without one.
    cv2.setNumThreads(1)
    return model, {count: measure_loader(feed, config, count, seconds) for count in workers}


def _show(config: TrainConfig, model: Rate, loader: dict[int, Rate]) -> None:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f'CPU, {os.cpu_count()} cores'
    table = Table(
        title=f'{config.name} on {device}: one process of '
        f'{config.schedule.batch // processes_of(config)} patches of {config.data.crop_px} px a step'
    )
    for heading in ('workers', 'patches/s', 'of what the model consumes'):
        table.add_column(heading, justify='right')
    for count, rate in loader.items():
        ratio = rate.per_second / model.per_second
        table.add_row(str(count), f'{rate.per_second:.0f}', f'{ratio:.2f}')
    table.add_section()
    table.add_row('model', f'{model.per_second:.0f}', '')
    table_console().print(table)


def main(arguments: list[str] | None = None) -> int:
    """Measure as the command line says. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog='python -m training.commands.loader_benchmark', description=__doc__.split('\n')[0]
    )
    parser.add_argument('config', help='a YAML file such as config/train/synthetic.yaml')
    parser.add_argument('overrides', nargs='*', metavar='key=value', help='such as schedule.batch=4')
    parser.add_argument(
        '--workers', default='', metavar='N,N', help='default: 0, 1, 2, 4 ... up to the cores'
    )
    parser.add_argument(
        '--seconds', type=float, default=5.0, help='for each measurement (default: %(default)s)'
    )
    options = parser.parse_intermixed_args(arguments)
    if not 0.0 < options.seconds < math.inf:
        parser.error(f'--seconds: got {options.seconds}, want a number above 0')
    try:
        workers = _workers(options.workers)
        config = load_config(options.config, options.overrides)
        _show(config, *benchmark(config, workers, options.seconds))
    except RestoreError as error:
        return report_errors(error)
    return 0


def _workers(given: str) -> list[int]:
    if not given:
        return [0, *(1 << power for power in range((os.cpu_count() or 1).bit_length()))]
    numbers = given.split(',')
    if not all(number.strip().isdecimal() for number in numbers):
        raise ConfigError('--workers', seen=given, wanted='numbers such as 0,2,8')
    return [int(number) for number in numbers]


if __name__ == '__main__':
    raise SystemExit(main())
