"""Train a network: `python -m training.commands.train config/train/restore_lite.yaml key=value ...`.

On several GPUs or machines: `devices=4`, or `torchrun ... -m training.commands.train CONFIG`. The run folder
gets all that made the run (runs/folder.py) and `checkpoint.pt`, of which `training.commands.export` makes a
model.
"""

import logging
import sys
from functools import partial
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import nn
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from restore_node.common.errors import ConfigError
from training.commands.cli import command_parser, one_line_errors, set_up_log
from training.config.run import TrainConfig, load_config
from training.data.contents import some_of
from training.data.feed import Feed, open_feed
from training.data.loader import batches
from training.loop.devices import is_first_process, make_fabric, set_up_device
from training.loop.failures import told
from training.loop.monitor import Monitor
from training.loop.stopping import ForwardedStop
from training.loop.trainer import Trainer
from training.losses.lpips import find_lpips
from training.losses.perceptual import find_weights
from training.networks.registry import check_generator
from training.runs.checkpoint import Checkpoint
from training.runs.folder import RunFolder, run_lock
from training.runs.generator import generator_of, trained_generator
from training.runs.provenance import provenance
from training.runs.resumption import best_score, last_checkpoint, refuse_other_images
from training.runs.starting_point import StartingPoint, starting_point

log = logging.getLogger('training')


def train(
    config: TrainConfig, source: str, run: Path, *, resume: bool = False, accept_images: bool = False
) -> None:
    """Train as configured, in a run folder: new, unless it is resumed; on several machines, one they share.

    It goes on from the checkpoint there, or from the beginning where there is none yet; with `accept_images`
    also where its images are not those that it was begun with. `source` is the path of the configuration
    file, for the model card.

    Raises ConfigError for an impossible configuration, or a run folder that is in the way or holds another
    run, InputError for unreadable photographs or an unreadable checkpoint, and TrainingError where the run
    broke down; what it had reached is in its folder.
    """
    folder = RunFolder(run)
    if is_first_process() and not resume:
        folder.refuse_if_taken()
    check_network(config)
    fabric = make_fabric(config)
    resumed = last_checkpoint(folder, config) if resume else None
    started_from = starting_point(config) if config.start_from and not resumed else None
    feed = open_feed(config)
    files = feed.files()
    if resume:
        refuse_other_images(folder, resumed, files, accepted=accept_images)
    if twice := feed.overlaps():
        log.warning('%d images are trained on and measured on as well: %s', len(twice), some_of(twice))
    made = provenance(config, source, feed, files, resumed=resumed, started_from=started_from)
    # Bound beforehand: Fabric walks through arguments that it passes on, and refuses frozen dataclasses.
    rank = partial(_train_rank, feed, files, folder, made, resumed, started_from)
    try:
        with ForwardedStop():
            fabric.launch(rank)
    except (RuntimeError, MemoryError, ProcessRaisedException, ProcessExitedException) as error:
        if one_line := told(error):
            raise one_line from error
        raise


def check_network(config: TrainConfig) -> None:
    """Raise ConfigError for a network that cannot be made, or that its crops or losses do not fit."""
    network = generator_of(config)
    _check_crops(config, network)
    check_generator(config.network, network)
    if config.loss.perceptual:
        find_weights(config.loss.perceptual.weights, config.loss.perceptual.download)
    if config.loss.teacher:
        _check_crops(config, trained_generator(Path(config.loss.teacher.checkpoint)).network)
    if config.loss.lpips:
        find_lpips(config.loss.lpips.network)


def _check_crops(config: TrainConfig, network: nn.Module) -> None:
    if config.data.crop_px % network.size_multiple:
        raise ConfigError(
            'data.crop_px',
            seen=config.data.crop_px,
            wanted=f'a multiple of {network.size_multiple}, for {type(network).__name__}',
        )


def _train_rank(
    feed: Feed,
    files: list[str],
    folder: RunFolder,
    provenance: dict[str, Any],
    resumed: Checkpoint | None,
    started_from: StartingPoint | None,
    fabric: Fabric,
) -> None:
    """What every process of a run does."""
    config = feed.config
    set_up_log()
    set_up_device(fabric)
    trainer = Trainer(fabric, config, provenance, folder)
    if resumed:
        trainer.resume(resumed)
    elif started_from:
        trainer.start_from(started_from.weights)

    share = {'rank': fabric.global_rank, 'world': fabric.world_size, 'workers': config.data.workers}
    from_step = partial(batches, feed.source, config.schedule.batch, **share)
    if not fabric.is_global_zero:
        trainer.fit(from_step)
        return
    folder.path.mkdir(parents=True, exist_ok=True)
    with run_lock(folder.path):
        folder.describe(config, provenance, files)
        images, step = sum(origin['images'] for origin in feed.data), trainer.step
        log.info('%s: %d images to train on, in %s', config.name, images, folder.path)
        with Monitor(config, folder, step, feed.held_out(), fabric.device, best_score(folder)) as monitor:
            trainer.fit(from_step, monitor)


@one_line_errors
def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says. Returns the exit code."""
    parser = command_parser(__file__, __doc__, config=True)
    add = parser.add_argument
    add('--folder', type=Path, help='for all that the run writes (default: runs/NAME)')
    add('--resume', action='store_true', help='go on where the run in its folder was stopped')
    add('--accept-images', action='store_true', help='resume although images have changed')
    options = parser.parse_intermixed_args(arguments)
    set_up_log()
    try:
        config = load_config(options.config, options.overrides)
        run = options.folder or Path('runs', config.name)
        train(config, options.config, run, resume=options.resume, accept_images=options.accept_images)
    except KeyboardInterrupt:
        print('interrupted; what was saved goes on with --resume', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
