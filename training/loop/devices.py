"""Where a run computes: its devices, precision and processes, all by Lightning Fabric.

`python -m training.commands.train` starts a process for each device of one machine. Started by `torchrun`,
on one machine or many, each process is in place already, and torchrun says how many there are.
"""

import os
from typing import Literal

import cv2
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import TorchElasticEnvironment

from restore_node.common.errors import ConfigError
from training.config.run import TrainConfig


def make_fabric(config: TrainConfig) -> Fabric:
    """Fabric for a run, not launched yet.

    Raises ConfigError for devices that this machine does not have, or a batch that they cannot share.
    """
    accelerator, devices, nodes = accelerator_of(config), processes_of(config), 1
    # Processes are spawned: a forked one would inherit the locks of thread pools without their threads.
    strategy = 'ddp_spawn'
    if TorchElasticEnvironment.detect():
        strategy = 'ddp'
        devices = int(os.environ['LOCAL_WORLD_SIZE'])
        nodes = int(os.environ['WORLD_SIZE']) // devices
    if config.schedule.batch % (devices * nodes):
        raise ConfigError(
            'schedule.batch', seen=config.schedule.batch, wanted=f'a multiple of {devices * nodes} processes'
        )
    if accelerator == 'cuda' and devices > torch.cuda.device_count():
        raise ConfigError(
            'devices', seen=devices, wanted=f'at most the {torch.cuda.device_count()} GPUs of this machine'
        )
    return Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy=strategy if devices * nodes > 1 else 'auto',
        precision=precision_of(config),
    )


def accelerator_of(config: TrainConfig) -> str:
    """`cuda` or `cpu`: what a run computes on here."""
    if config.accelerator != 'auto':
        return config.accelerator
    return 'cuda' if torch.cuda.is_available() else 'cpu'


def precision_of(config: TrainConfig) -> Literal['bf16-mixed', '32-true']:
    """`bf16-mixed` or `32-true`: what `auto` means on this machine, and anything else as it is."""
    if config.precision != 'auto':
        return config.precision
    native = (
        accelerator_of(config) == 'cuda'
        or torch.cpu._is_amx_tile_supported()
        or torch.cpu._is_avx512_bf16_supported()
    )
    return 'bf16-mixed' if native else '32-true'


def processes_of(config: TrainConfig) -> int:
    """How many processes of a run train on this machine, unless torchrun started them."""
    return config.devices if accelerator_of(config) == 'cuda' else config.cpu_processes


def is_first_process() -> bool:
    """Whether this process, before any launch, is the one of its run that writes files."""
    return not TorchElasticEnvironment.detect() or int(os.environ['RANK']) == 0


def set_up_device(fabric: Fabric) -> None:
    """Settings of this process for its device, once it was launched."""
    if fabric.device.type == 'cpu' and 'OMP_NUM_THREADS' not in os.environ:
        # One thread a core and none to spare: threads of one process that wait for each other lose most of
        # their time where other programs run too.
        # A run on several machines has more processes in all than share these cores.
        by_torchrun = TorchElasticEnvironment.detect()
        processes = int(os.environ['LOCAL_WORLD_SIZE']) if by_torchrun else fabric.world_size
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    if fabric.device.type == 'cuda':
        # All crops have one size, so the fastest kernels are worth looking for; fp32 products as TF32.
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision('high')
    cv2.setNumThreads(1)
