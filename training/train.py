"""Train a network: `python -m training.train config/train/restore_lite.yaml key=value ...`.

The run folder gets `config.yaml` (resolved), `run.json` (seed, commit, data list), `metrics.jsonl` and
`checkpoint.pt`, which `python -m training.export` turns into a model.
"""

import argparse
import json
import logging
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
import yaml
from lightning_fabric import Fabric

from restore_node.errors import ConfigError, RestoreError
from training import checkpoint
from training.checkpoint import Checkpoint
from training.commands import report_errors
from training.config import TrainConfig, config_values, load_config
from training.data.loader import batches
from training.data.patches import PatchSource
from training.data.photographs import Photograph, data_list, find_photographs, split
from training.evaluation.held_apart import validation_pairs
from training.networks.registry import build
from training.trainer import CHECKPOINT, Trainer

log = logging.getLogger('training')


def train(
    config: TrainConfig, source: str, run: Path, *, resume: bool = False, weights: Path | None = None
) -> None:
    """Train as configured, in a run folder.

    Args:
        config: what to do.
        source: path of the configuration file, for the model card.
        run: folder for everything the run writes; new, unless `resume`.
        resume: go on from the checkpoint in `run`.
        weights: checkpoint whose averaged weights a new run starts from (transfer learning).

    Raises:
        ConfigError: impossible configuration, or a run folder that is in the way.
        InputError: unreadable photographs or checkpoint.
    """
    started = run / CHECKPOINT if resume else weights
    previous = checkpoint.load(started) if started else None
    if not resume and run.exists():
        raise ConfigError(f'run folder {run} exists', fix='name another with --run, or go on with --resume')
    build(config.network)
    photographs = find_photographs(config.data.roots)
    sharp, apart = split(photographs, config.data)
    provenance = _provenance(config, source, sharp, apart, previous)

    run.mkdir(parents=True, exist_ok=True)
    (run / 'config.yaml').write_text(yaml.safe_dump(config_values(config), sort_keys=False), encoding='utf-8')
    (run / 'run.json').write_text(json.dumps(provenance, indent=1) + '\n', encoding='utf-8')
    log.info('training on %d photographs, %d held apart', len(sharp), len(apart))
    # Processes are spawned: a forked one would inherit the locks of thread pools without their threads.
    fabric = Fabric(
        accelerator='auto',
        devices=config.devices,
        strategy='ddp_spawn' if config.devices > 1 else 'auto',
        precision=config.precision,
    )
    # Bound beforehand: Fabric walks through arguments that it passes on, and refuses frozen dataclasses.
    rank = partial(
        _train_rank,
        config=config,
        provenance=provenance,
        run=run,
        sharp=sharp,
        apart=apart,
        previous=previous,
        resume=resume,
    )
    fabric.launch(rank)


def _train_rank(
    fabric: Fabric,
    *,
    config: TrainConfig,
    provenance: dict[str, Any],
    run: Path,
    sharp: list[Photograph],
    apart: list[Photograph],
    previous: Checkpoint | None,
    resume: bool,
) -> None:
    """What every process of a run does."""
    _set_up_log()
    if fabric.device.type == 'cpu':
        # One thread a core and none to spare: threads of one process that wait for each other lose most of
        # their time where other programs run too.
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // fabric.world_size))
        cv2.setNumThreads(1)
    trainer = Trainer(fabric, config, provenance, run)
    if previous and resume:
        trainer.resume(previous)
    elif previous:
        trainer.start_from(previous.average)
    validation = validation_pairs(apart, config) if fabric.is_global_zero else {}
    batch = config.schedule.batch
    source = PatchSource(sharp, config.data, config.degradation, config.seed, batch)
    trainer.fit(
        lambda step: batches(source, batch, step, fabric.global_rank, fabric.world_size, config.data.workers),
        validation,
    )


def _set_up_log() -> None:
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s', datefmt='%H:%M:%S')


def _provenance(
    config: TrainConfig,
    source: str,
    sharp: list[Photograph],
    apart: list[Photograph],
    previous: Checkpoint | None,
) -> dict[str, Any]:
    """Where a model comes from, for its card."""
    before = previous.provenance if previous else None
    return {
        'config': source,
        'commit': _commit(),
        'earlier_commits': [*before['earlier_commits'], before['commit']] if before else [],
        'seed': config.seed,
        'data': data_list(sharp, config.data.sets),
        'held_apart': data_list(apart, config.data.sets),
    }


def _commit() -> str:
    """HEAD of the checkout of this code, `-dirty` if this package differs, `unknown` outside a checkout."""
    try:
        head = _git('rev-parse', 'HEAD')
        return head + ('-dirty' if _git('status', '--porcelain', '--', '.') else '')
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def _git(*arguments: str) -> str:
    command = ['git', *arguments]
    return subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    ).stdout.strip()


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says. Returns the exit code."""
    parser = argparse.ArgumentParser(prog='python -m training.train', description=__doc__.split('\n')[0])
    parser.add_argument('config', help='a YAML file such as config/train/restore_lite.yaml')
    parser.add_argument('overrides', nargs='*', metavar='key=value', help='such as schedule.batch=4')
    parser.add_argument('--run', type=Path, help='run folder (default: runs/NAME)')
    start = parser.add_mutually_exclusive_group()
    start.add_argument('--resume', action='store_true', help='go on from the checkpoint in the run folder')
    start.add_argument(
        '--weights', type=Path, metavar='CHECKPOINT', help='start from the weights of another run'
    )
    options = parser.parse_args(arguments)
    _set_up_log()
    try:
        config = load_config(options.config, options.overrides)
        run = options.run or Path('runs', config.name)
        train(config, options.config, run, resume=options.resume, weights=options.weights)
    except RestoreError as error:
        return report_errors(error)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
