"""Where a run goes on, and whether it is still the same run."""

import json
import logging
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from restore_node.common.errors import ConfigError
from training.config.run import TrainConfig, config_values, parse_config
from training.data.contents import changes, digest_of
from training.runs import checkpoint
from training.runs.checkpoint import Checkpoint
from training.runs.folder import RunFolder

log = logging.getLogger('training')

MAY_CHANGE = (
    'schedule.steps',
    'schedule.max_minutes',
    'validation',
    'checkpoint',
    'log_seconds',
    'wandb',
    'accelerator',
    'devices',
    'cpu_processes',
    'compile',
    'data.workers',
    'data.sources.*.photographs.roots',
    'data.sources.*.sequences.roots',
    'data.sources.*.pairs.root',
    'loss.perceptual.weights',
    'loss.perceptual.download',
)
"""Keys, or groups of them, that may have other values when a run goes on: how long it is, what it tells of
itself, where it computes and where its files lie; `*` is any name. All others have a part in what it has
learnt so far."""


def last_checkpoint(folder: RunFolder, config: TrainConfig) -> Checkpoint | None:
    """What a run goes on from; None where it was stopped before its first checkpoint, and begins again.

    Raises ConfigError where there is no run in the folder, or one that another configuration made.
    """
    if folder.checkpoint.exists():
        last = checkpoint.load(folder.checkpoint)
        _refuse_another(folder, last.config, config)
        return last
    if earlier := folder.read_config():
        _refuse_another(folder, earlier, config)
    return None


def refuse_other_images(
    folder: RunFolder, last: Checkpoint | None, files: Sequence[str], *, accepted: bool
) -> None:
    """Raise ConfigError where a run would go on with other images than those it has learnt from.

    Where its user has accepted that, the run writes down what it had, and until when.
    """
    was = folder.read_files()
    known = last.provenance.get('images_sha256') if last else (digest_of(was) if was else None)
    if known in (None, digest_of(files)):
        return
    found = changes(was, files) or 'another list'
    if not accepted:
        raise ConfigError(
            f'the images of {folder.path} are not those that it was begun with',
            seen=found,
            fix='put them back, or go on with these by --accept-images, which the run then says of itself',
        )
    log.warning('%s goes on with other images: %s', folder.path, found)
    folder.put_files_aside(last.step if last else 0)


def best_score(folder: RunFolder) -> float | None:
    """The score of the best checkpoint that a run has kept; None where it has none. Raises InputError."""
    if not folder.best.exists():
        return None
    return checkpoint.load(folder.best).provenance['validation']['score']


def differences(earlier: TrainConfig, config: TrainConfig) -> list[str]:
    """What makes two configurations different runs, as `key: was X, is Y` for each key outside MAY_CHANGE."""
    return list(_differences(config_values(earlier), config_values(config)))


def _refuse_another(folder: RunFolder, earlier: dict[str, Any], config: TrainConfig) -> None:
    found = differences(parse_config(earlier, f'of the run {folder.path}'), config)
    if found:
        raise ConfigError(
            f'{folder.path} is a run of another configuration',
            seen=' | '.join(found),
            fix=f'go on with its own, {folder.config}, or begin a new run in another folder, with start_from='
            f'{folder.checkpoint} for its weights',
        )


def _differences(was: Any, now: Any, key: str = '') -> Iterator[str]:
    if was == now or any(fnmatchcase(key, pattern) for pattern in MAY_CHANGE):
        return
    was, now = _by_name(was), _by_name(now)
    if isinstance(was, dict) and isinstance(now, dict):
        for name in {**was, **now}:
            yield from _differences(was.get(name), now.get(name), f'{key}.{name}' if key else name)
    else:
        yield f'{key}: was {json.dumps(was)}, is {json.dumps(now)}'


def _by_name(entries: Any) -> Any:
    """A list whose entries all have names as a mapping; all else as it is."""
    is_list = isinstance(entries, list) and len(entries) > 0
    if not is_list or not all(isinstance(entry, dict) and 'name' in entry for entry in entries):
        return entries
    return {entry['name']: entry for entry in entries}
