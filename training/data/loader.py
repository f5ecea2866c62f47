"""Batches from a source of samples, by any number of ranks and workers."""

import signal
import time
from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from restore_node.common.errors import ConfigError, RestoreError
from training.data.samples import Source

Batch = tuple[Tensor, Tensor]
"""(degraded, sharp): uint8 [N, 3, H, W] RGB each, 0..255, channels last in memory."""

STALLED_S = 900.0
"""No batch takes as long, not even beside other programs: whoever makes it hangs, or lost it on the way."""

_PREFETCHED = 2
_LOOK_S = 5.0


def batches(
    source: Source,
    batch: int,
    first_step: int = 0,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    stalled_s: float = STALLED_S,
) -> Iterator[Batch]:
    """Yield this rank's share of every batch, from a step on and without end.

    Sample `step * batch + k` is the k-th of a step's batch over all ranks, so a step sees the same samples
    whatever the number of workers, and a resumed run those of an uninterrupted one.

    Args:
        source: where samples come from; it is copied into every worker.
        batch: samples a step, over all ranks.
        workers: processes that make batches ahead of time; 0 makes each when it is asked for.
        stalled_s: seconds without a batch from the workers after which they are given up.

    Raises ConfigError where the batch cannot be divided between the ranks, what a sample raises, also in a
    worker, and RestoreError where a worker was killed or stalls, or shared memory, in which it hands batches
    over, has no room for one.
    """
    if batch % world:
        raise ConfigError('batch', seen=batch, wanted=f'a multiple of the {world} processes that train')
    share = batch // world
    firsts = count(first_step * batch + rank * share, batch)
    loader = DataLoader(
        _Batches(source, workers),
        batch_sampler=(list(range(first, first + share)) for first in firsts),
        num_workers=workers,
        prefetch_factor=_PREFETCHED if workers else None,
        # After each it looks whether its workers live; no signal tells of the death of forkserver's.
        timeout=min(_LOOK_S, stalled_s) if workers else 0,
        # Forked from this process, a worker would inherit the locks of thread pools without their threads;
        # spawned, it may abort at its end, when Python takes a thread down inside PyTorch.
        multiprocessing_context='forkserver' if workers else None,
        worker_init_fn=_set_up_worker,
        collate_fn=_as_it_is,
        pin_memory=torch.cuda.is_available(),
    )
    made_ahead = iter(loader)
    while True:
        made = _next(made_ahead, stalled_s)
        if isinstance(made, RestoreError):
            raise made
        yield made


def _next(made_ahead: Iterator[Batch | RestoreError], stalled_s: float) -> Batch | RestoreError:
    given_up_s = time.monotonic() + stalled_s
    while True:
        try:
            return next(made_ahead)
        except (RuntimeError, ConnectionError, EOFError) as error:
            # PyTorch has no type for it, and a worker may die in the middle of handing a batch over.
            if 'timed out after' in str(error):
                if time.monotonic() < given_up_s:
                    continue
                raise RestoreError(
                    'the processes that make training data hang',
                    seen=f'no batch in {stalled_s:.0f} s',
                    fix='look at what else is printed here, or try data.workers=0',
                ) from error
            known = 'exited unexpectedly', 'killed by signal'
            if isinstance(error, RuntimeError) and not any(words in str(error) for words in known):
                raise
            raise RestoreError(
                'a process that makes training data was killed',
                seen=repr(error),
                fix='often memory ran out (`dmesg` says so): lower data.workers, then --resume',
            ) from error


class _Batches(Dataset[Batch | RestoreError]):
    """A source, for DataLoader. Errors travel as values: raised in a worker they would lose their line.

    A worker's batches are put into shared memory here. PyTorch would do it in a thread that hands them over,
    whose errors nobody hears: the trainer would wait for ever.
    """

    def __init__(self, source: Source, workers: int) -> None:
        self._source, self._workers = source, workers

    def __getitems__(self, indices: list[int]) -> Batch | RestoreError:
        try:
            pairs = [self._source.sample(index) for index in indices]
            degraded, sharp = (
                torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) for images in zip(*pairs, strict=True)
            )
            made = degraded, sharp
            return _shared(made, self._workers) if self._workers else made
        except RestoreError as error:
            return error
        except MemoryError as error:
            return RestoreError(
                'memory ran out while training data was made',
                seen=error,
                fix='lower data.pool or data.workers, then --resume',
            )


def _shared(made: Batch, workers: int) -> Batch | RestoreError:
    """The batch in shared memory, or why it is not there."""
    try:
        for images in made:
            images.share_memory_()
    except RuntimeError as error:
        needed = sum(images.nbytes for images in made) * (workers * _PREFETCHED + 2) / 2**20
        return RestoreError(
            'no room in shared memory for a batch of training data',
            seen=str(error).partition('\n')[0],
            wanted=f'{needed:,.0f} MiB free in /dev/shm for {workers} workers of this process',
            fix='start the container with --shm-size=2g, lower data.workers, or make data.workers=0',
        )
    return made


def _set_up_worker(_worker: int) -> None:
    # A worker is one core: OpenCV's own threads would only compete with the trainer's.
    cv2.setNumThreads(1)
    # Ctrl-C reaches every process of a terminal; the trainer ends its step, for which it needs its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_it_is(made: Batch | RestoreError) -> Batch | RestoreError:
    return made
