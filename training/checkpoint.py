"""Checkpoints: everything a run needs to go on, or to be exported."""

import os
import pickle
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restore_node.errors import InputError


@dataclass(frozen=True)
class Checkpoint:
    """State of a run after a step; everything in it is tensors or plain values.

    Attributes:
        step: optimizer steps done.
        elapsed_s: seconds trained, over all resumptions.
        network: weights as trained; average: their moving average, which is what is exported.
        optimizers: states of the optimizers, in the order of optimizers.py.
        random_state: torch's CPU generator.
        config: the resolved configuration; provenance: see train.py.
    """

    step: int
    elapsed_s: float
    network: dict[str, torch.Tensor]
    average: dict[str, torch.Tensor]
    optimizers: list[dict[str, Any]]
    random_state: torch.Tensor
    config: dict[str, Any]
    provenance: dict[str, Any]


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint in place of an older one; a crash leaves the older one whole."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f'.{path.name}.', delete=False) as unfinished:
        try:
            torch.save(
                {field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}, unfinished
            )
            unfinished.flush()
            os.fsync(unfinished.fileno())
            os.replace(unfinished.name, path)
        except BaseException:
            os.unlink(unfinished.name)
            raise


def load(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU; only tensors and plain values are unpickled.

    Raises:
        InputError: missing, unreadable, or not a checkpoint of this version.
    """
    try:
        values = torch.load(path, map_location='cpu', weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f'cannot read the checkpoint {path}', seen=error, wanted='a file of training.train'
        ) from error
    wanted = {field.name for field in fields(Checkpoint)}
    if not isinstance(values, dict) or set(values) != wanted:
        seen = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise InputError(f'{path} is not a checkpoint', seen=seen, wanted=sorted(wanted))
    return Checkpoint(**values)


def fill(network: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Put a checkpoint's weights into a network; raises InputError when they are another network's."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            'the checkpoint does not fit the network', seen=error, fix='use the network of its config'
        ) from error
