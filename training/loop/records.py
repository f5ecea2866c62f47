"""The records of a run: metrics.jsonl for programs, TensorBoard and Weights & Biases for people."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from restore_node.common.atomic import replace_text, writing
from restore_node.common.errors import ConfigError, InputError
from restore_node.common.host import utc_now
from training.config.run import TrainConfig, config_values
from training.data.samples import Image
from training.evaluation.quality import Quality
from training.runs.errors import TrainingError
from training.runs.folder import RunFolder


def _on_disk(folder: RunFolder) -> AbstractContextManager[None]:
    return writing(f'the records of {folder.path}', TrainingError, 'make room, then go on with --resume')


class Records:
    """Appends to the records of a run; used by the first process only.

    What was recorded after the step where a run goes on, before it was killed, is taken out: it comes again.
    All methods raise TrainingError where the disk is full, or gone.
    """

    def __init__(self, folder: RunFolder, step: int) -> None:
        self._folder = folder
        with _on_disk(folder):
            _keep_until(folder, step)
            self._board = SummaryWriter(str(folder.tensorboard), purge_step=step + 1)

    def losses(self, step: int, elapsed_s: float, values: Mapping[str, float]) -> None:
        """Record means over the last steps, by name."""
        with _on_disk(self._folder):
            self._append(step, elapsed_s, dict(values))
            for name, value in values.items():
                self._board.add_scalar(f'train/{name}', value, step)

    def qualities(
        self,
        step: int,
        elapsed_s: float,
        qualities: Mapping[str, Quality],
        pictures: Mapping[str, Sequence[Image]],
        score: float | None = None,
    ) -> None:
        """Record what was measured on the validation sets, by name, and the score.

        Some of their pictures belong side by side: uint8 [H, W, 3] RGB of one size each.
        """
        with _on_disk(self._folder):
            measured = {'quality': {name: asdict(seen) for name, seen in qualities.items()}, 'score': score}
            self._append(step, elapsed_s, measured)
            for name, seen in qualities.items():
                shown = asdict(seen) | {'gain_db': seen.gain_db}
                for value in ('psnr_restored_db', 'ssim_restored', 'gain_db', 'made_worse'):
                    self._board.add_scalar(f'held_out/{name}/{value}', shown[value], step)
            if score is not None:
                self._board.add_scalar('held_out/score', score, step)
            for kind, picture in pictures.items():
                name, side_by_side = f'degraded_restored_sharp/{kind}', np.concatenate(picture, axis=1)
                self._board.add_image(name, side_by_side, step, dataformats='HWC')
            self._board.flush()

    def reached(self, step: int, elapsed_s: float, done: float, left_s: float, steps_per_s: float) -> None:
        """Write where the run is to progress.json, for programs that look at it now and then."""
        with _on_disk(self._folder):
            now = {
                'step': step,
                'elapsed_s': round(elapsed_s, 1),
                'done': round(done, 6),
                'left_s': round(left_s, 1),
                'steps_per_s': round(steps_per_s, 4),
                'at': utc_now(),
            }
            replace_text(self._folder.progress, json.dumps(now) + '\n')

    def close(self) -> None:
        """Write what is left."""
        with _on_disk(self._folder):
            self._board.close()

    def _append(self, step: int, elapsed_s: float, values: dict[str, Any]) -> None:
        with self._folder.metrics.open('a', encoding='utf-8') as file:
            file.write(json.dumps({'step': step, 'elapsed_s': round(elapsed_s, 1), **values}) + '\n')


def read_qualities(folder: RunFolder) -> dict[int, dict[str, Quality]]:
    """What a run measured on its validation sets, by step and name.

    Raises InputError where there are no records, or they are not of a run.
    """
    try:
        lines = [json.loads(line) for line in folder.metrics.read_text(encoding='utf-8').splitlines()]
        return {
            line['step']: {kind: Quality(**seen) for kind, seen in line['quality'].items()}
            for line in lines
            if 'quality' in line
        }
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f'no records of a run at {folder.metrics}', seen=error, fix='name the folder of a run'
        ) from error


def _keep_until(folder: RunFolder, step: int) -> None:
    if not folder.metrics.exists():
        return
    lines = folder.metrics.read_text(encoding='utf-8').splitlines(keepends=True)
    # The last line of a killed run may lack its end.
    kept = [line for line in lines if line.endswith('\n') and json.loads(line)['step'] <= step]
    replace_text(folder.metrics, ''.join(kept))


def start_mirror(config: TrainConfig, folder: RunFolder) -> Any:
    """Begin or go on with the run at W&B that `config.wandb` asks for; None where it asks for none.

    It copies what TensorBoard's writer writes, so it has to begin before that does; what is returned is
    finished by its `finish()`. Raises ConfigError where wandb is not installed, or it cannot begin.
    """
    if config.wandb is None:
        return None
    try:
        import wandb
    except ImportError as error:
        raise ConfigError(
            f'wandb={config.wandb}', seen=error, fix='pip install wandb, or leave wandb out'
        ) from error
    if not folder.wandb_id.exists():
        replace_text(folder.wandb_id, uuid4().hex)
    try:
        return wandb.init(
            project=config.wandb,
            name=config.name,
            id=folder.wandb_id.read_text(encoding='utf-8'),
            resume='allow',
            dir=folder.path,
            config=config_values(config),
            sync_tensorboard=True,
        )
    except wandb.errors.Error as error:
        raise ConfigError(
            f'wandb={config.wandb}', seen=error, fix='`wandb login`; or WANDB_MODE=offline'
        ) from error
