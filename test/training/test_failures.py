"""What ends a run from outside is told in one line, and nobody else writes to its folder meanwhile."""

import os
import signal

import pytest
import torch
import torch.multiprocessing as multiprocessing

from restore_node.common.errors import ConfigError
from training.loop.failures import told
from training.loop.records import Records
from training.runs.errors import TrainingError
from training.runs.folder import RunFolder, run_lock


def test_a_full_disk_is_one_line(tmp_path):
    folder = RunFolder(tmp_path)
    records = Records(folder, 0)
    folder.metrics.symlink_to('/dev/full')
    with pytest.raises(
        TrainingError, match=r'cannot write the records of .*No space left.*--resume'
    ) as caught:
        records.losses(1, 1.0, {'loss': 1.0})
    assert '\n' not in str(caught.value)


def killed_itself(_index):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_was_killed_is_one_line():
    with pytest.raises(multiprocessing.ProcessExitedException) as caught:
        multiprocessing.spawn(killed_itself, nprocs=1)
    assert 'a process of the run was killed: got process 0, SIGKILL; often memory' in str(told(caught.value))


@pytest.mark.parametrize(
    ('error', 'named'),
    [
        (MemoryError(), 'memory ran out'),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
            'memory',
        ),
        (torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB'), 'lower schedule.batch'),
        (RuntimeError('gloo/transport/tcp/pair.cc:547 Connection closed by peer [127.0.0.1]'), 'was lost'),
        (
            multiprocessing.ProcessRaisedException(
                'Traceback ...\nrestore_node.common.errors.InputError: a.png is not an image', 0, 7
            ),
            'a.png is not an image',
        ),
    ],
)
def test_what_ends_a_run_is_one_line(error, named):
    line = str(told(error))
    assert named in line
    assert '\n' not in line


def test_what_nobody_expects_keeps_its_traceback():
    assert told(RuntimeError('shapes do not match')) is None


def test_a_folder_is_written_by_one_training(tmp_path):
    refused = pytest.raises(ConfigError, match=f'another training: got process {os.getpid()}')
    with run_lock(tmp_path), refused:
        run_lock(tmp_path, wait_s=0.2).__enter__()
    with run_lock(tmp_path, wait_s=0.0):
        pass
    # A folder with nothing but the lock is one whose run was killed before it began.
    assert RunFolder(tmp_path).read_config() is None
