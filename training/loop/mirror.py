"""Weights & Biases beside TensorBoard: it copies what TensorBoard's writer writes."""

from typing import Any
from uuid import uuid4

from restore_node.common.atomic import replace_text
from restore_node.common.errors import ConfigError
from training.config.run import TrainConfig, config_values
from training.runs.folder import RunFolder


def start_mirror(config: TrainConfig, folder: RunFolder) -> Any:
    """Begin or go on with the run at W&B that `config.wandb` asks for; None where it asks for none.

    It has to begin before TensorBoard's writer does, and what is returned is finished by its `finish()`.
    Raises ConfigError where wandb is not installed, or it cannot begin.
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
            f'wandb={config.wandb}',
            seen=error,
            fix='`wandb login`; or WANDB_MODE=offline',
        ) from error
