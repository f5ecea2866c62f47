"""Batches from a source of samples, by any number of ranks and workers."""

import signal
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from restore_node.common.errors import ConfigError, RestoreError
from training.data.samples import Pair, Source

Batch = tuple[Tensor, Tensor]
"""(degraded, sharp): uint8 [N, 3, H, W] RGB each, 0..255, channels last in memory."""


def batches(
    source: Source,
    batch: int,
    first_step: int = 0,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
) -> Iterator[Batch]:
    """Yield this rank's share of every batch, from a step on and without end.

    Sample `step * batch + k` is the k-th of a step's batch over all ranks, so a step sees the same samples
    whatever the number of workers, and a resumed run those of an uninterrupted one.

    Args:
        source: where samples come from; it is copied into every worker.
        batch: samples a step, over all ranks.
        first_step: the step to begin with.
        rank: which of the processes that train this is.
        world: how many of them there are.
        workers: processes that make batches ahead of time; 0 makes each when it is asked for.

    Raises:
        ConfigError: the batch cannot be divided between the ranks.
        RestoreError: whatever a sample raises, also from a worker; or a worker was killed.
    """
    if batch % world:
        raise ConfigError('batch', seen=batch, wanted=f'a multiple of the {world} processes that train')
    loader = DataLoader(
        _Batches(source),
        batch_sampler=_indices(batch, first_step, rank, world),
        num_workers=workers,
        # Forked from this process, a worker would inherit the locks of thread pools without their threads;
        # spawned, it may abort at its end, when Python takes a thread down inside PyTorch.
        multiprocessing_context='forkserver' if workers else None,
        worker_init_fn=_set_up_worker,
        collate_fn=_as_it_is,
        pin_memory=torch.cuda.is_available(),
    )
    made_ahead = iter(loader)
    while True:
        made = _next(made_ahead)
        if isinstance(made, RestoreError):
            raise made
        yield made


def _next(made_ahead: Iterator[Batch | RestoreError]) -> Batch | RestoreError:
    try:
        return next(made_ahead)
    except (RuntimeError, ConnectionError, EOFError) as error:
        # PyTorch has no type for it, and a worker may die in the middle of handing a batch over.
        if isinstance(error, RuntimeError) and 'exited unexpectedly' not in str(error):
            raise
        raise RestoreError(
            'a process that makes training data was killed',
            seen=repr(error),
            fix='often memory ran out (`dmesg` says so): lower data.workers, then --resume',
        ) from error


class _Batches(Dataset[Batch | RestoreError]):
    """A source, for DataLoader. Errors travel as values: raised in a worker they would lose their line."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getitems__(self, indices: list[int]) -> Batch | RestoreError:
        try:
            return _stack([self._source.sample(index) for index in indices])
        except RestoreError as error:
            return error


def _stack(pairs: Sequence[Pair]) -> Batch:
    degraded, sharp = zip(*pairs, strict=True)
    return _tensor(degraded), _tensor(sharp)


def _tensor(images: tuple[np.ndarray, ...]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def _indices(batch: int, first_step: int, rank: int, world: int) -> Iterator[list[int]]:
    share = batch // world
    first = first_step * batch + rank * share
    while True:
        yield list(range(first, first + share))
        first += batch


def _set_up_worker(_worker: int) -> None:
    # A worker is one core: OpenCV's own threads would only compete with the trainer's.
    cv2.setNumThreads(1)
    # Ctrl-C reaches every process of a terminal; the trainer ends its step, for which it needs its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_it_is(made: Batch | RestoreError) -> Batch | RestoreError:
    return made
