"""The records of a run: metrics.jsonl for programs, TensorBoard for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from restore_node.common.atomic import replacing
from restore_node.common.errors import InputError
from training.evaluation.quality import Quality
from training.runs.folder import RunFolder

Picture = Sequence[NDArray[np.uint8]]
"""Images of one size that belong side by side: uint8 [H, W, 3] RGB."""


class Records:
    """Appends to the records of a run; used by the first process only.

    Args:
        folder: of the run.
        step: where the run goes on. What was recorded after it, before the run was killed, is taken out: it
            comes again.
    """

    def __init__(self, folder: RunFolder, step: int) -> None:
        self._metrics = folder.metrics
        _keep_until(folder, step)
        self._board = SummaryWriter(str(folder.tensorboard), purge_step=step + 1)

    def losses(self, step: int, elapsed_s: float, values: Mapping[str, float]) -> None:
        """Record means over the last steps, by name."""
        self._append(step, elapsed_s, dict(values))
        for name, value in values.items():
            self._board.add_scalar(f'train/{name}', value, step)

    def qualities(
        self,
        step: int,
        elapsed_s: float,
        qualities: Mapping[str, Quality],
        pictures: Mapping[str, Picture],
    ) -> None:
        """Record what was measured on photographs held out, by kind of degradation, and some of them."""
        self._append(step, elapsed_s, {'quality': {kind: asdict(seen) for kind, seen in qualities.items()}})
        for kind, seen in qualities.items():
            for name in ('psnr_restored_db', 'ssim_restored'):
                self._board.add_scalar(f'held_out/{kind}/{name}', asdict(seen)[name], step)
        for kind, picture in pictures.items():
            side_by_side = np.concatenate(picture, axis=1)
            self._board.add_image(f'degraded_restored_sharp/{kind}', side_by_side, step, dataformats='HWC')
        self._board.flush()

    def close(self) -> None:
        """Write what is left."""
        self._board.close()

    def _append(self, step: int, elapsed_s: float, values: dict[str, Any]) -> None:
        with self._metrics.open('a', encoding='utf-8') as file:
            file.write(json.dumps({'step': step, 'elapsed_s': round(elapsed_s, 1), **values}) + '\n')


def read_qualities(folder: RunFolder) -> dict[int, dict[str, Quality]]:
    """What a run measured on photographs held out, by step and kind of degradation.

    Raises:
        InputError: there are no records, or they are not of a run.
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
    with replacing(folder.metrics) as unfinished:
        unfinished.write_text(''.join(kept), encoding='utf-8')
