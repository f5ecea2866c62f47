"""Checkpoints: everything a run needs to go on, or to be exported."""

import os
import pickle
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restore_node.common.atomic import replacing
from restore_node.common.errors import InputError
from training.runs.errors import TrainingError

FORMAT = 1
_MADE_BY = 'a file of training.commands.train'

State = tuple[dict[str, torch.Tensor], list[dict[str, Any]]]
"""Weights of a network, and the states of its optimizers in the order of loop/optimizers.py."""


@dataclass(frozen=True)
class Checkpoint:
    """State of a run after a step; everything in it is tensors or plain values.

    There is no random state in it: all that is drawn is drawn anew in every step from the run's seed and the
    number of the step.

    Attributes:
        step: optimizer steps done.
        elapsed_s: seconds trained, over all resumptions.
        generator: as trained; average: the moving average of its weights, which is what is exported.
        critic: its opponent of the present stage, if there is one.
        config: the resolved configuration; provenance: see provenance.py.
    """

    step: int
    elapsed_s: float
    generator: State
    average: dict[str, torch.Tensor]
    critic: State | None
    config: dict[str, Any]
    provenance: dict[str, Any]
    format: int = field(default=FORMAT, kw_only=True)


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint in place of an older one, which a crash leaves whole. Raises TrainingError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished, unfinished.open('wb') as file:
            torch.save(vars(checkpoint), file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        raise TrainingError(
            f'cannot save {path}', seen=error, fix='make room, then go on with --resume'
        ) from error


def load(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU; only tensors and plain values are unpickled.

    Raises InputError where it is missing, unreadable, or not a checkpoint of this version.
    """
    try:
        values = torch.load(path, map_location='cpu', weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f'cannot read the checkpoint {path}', seen=error, wanted=_MADE_BY) from error
    if not isinstance(values, dict) or 'step' not in values:
        seen = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise InputError(f'{path} is not a checkpoint', seen=seen, wanted=_MADE_BY)
    wanted = {entry.name for entry in fields(Checkpoint)}
    if values.get('format') != FORMAT or set(values) != wanted:
        raise InputError(
            f'{path} is a checkpoint of another version',
            seen=f'format {values.get("format")}',
            wanted=f'format {FORMAT}',
            fix='use the commit that its run.json names',
        )
    return Checkpoint(**values)


def fill(network: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Put a checkpoint's weights into a network; raises InputError for another's, or where some are NaN."""
    refuse_not_finite(weights, 'the checkpoint')
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            'the checkpoint does not fit the network', seen=error, fix='use the network of its config'
        ) from error


def refuse_not_finite(weights: dict[str, torch.Tensor], source: str) -> None:
    """Raise InputError where weights are NaN or infinite: what computes with them is black, or nothing."""
    broken = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if broken:
        raise InputError(
            f'{source} has weights that are not finite',
            seen=f'{len(broken)} of {len(weights)}, first {broken[0]}',
            fix='take an earlier one, such as those in hourly/',
        )
