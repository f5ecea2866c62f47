"""What ends a run from outside, told in one line: no memory, a process that was killed or lost."""

import signal

from training.runs.errors import TrainingError

_OURS = 'restore_node.common.errors.', 'training.runs.errors.'
_NO_MEMORY = "can't allocate memory", 'out of memory', 'MemoryError'
_MEMORY = 'often memory ran out (`dmesg` says so); go on with --resume'
_LOST = 'Connection closed by peer', 'Connection reset by peer', 'Broken pipe', 'Timed out waiting'


def told(error: BaseException) -> TrainingError | None:
    """An error of PyTorch's or of a process, in one line; None where it says something that nobody expects.

    Of a spawned process, the text of its traceback is all there is.
    """
    if isinstance(error, RuntimeError | MemoryError):
        return _known(f'{type(error).__name__}: {error}')
    # Not before: a drive is made where there is no PyTorch.
    from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

    if isinstance(error, ProcessExitedException):
        code = error.exit_code
        by = signal.Signals(-code).name if code < 0 else f'exit code {code}'
        seen = f'process {error.error_index}, {by}'
        return TrainingError('a process of the run was killed', seen=seen, fix=_MEMORY)
    if isinstance(error, ProcessRaisedException):
        last = error.msg.strip().rsplit('\n', 1)[-1]
        kind, _, line = last.partition(': ')
        return TrainingError(line) if kind.startswith(_OURS) else _known(error.msg)
    return _known(f'{type(error).__name__}: {error}')


def _known(text: str) -> TrainingError | None:
    last = text.strip().rsplit('\n', 1)[-1]
    if any(words in text for words in _NO_MEMORY):
        return TrainingError(
            'memory ran out',
            seen=last,
            fix='lower schedule.batch, data.pool or data.crop_px; of an evaluation --tile',
        )
    if any(words in text for words in _LOST):
        return TrainingError('a process of the run was lost', seen=last, fix=_MEMORY)
    return None
