import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from restore_node.common.errors import ConfigError, InputError, RestoreError
from training.config.data import DataConfig, PhotographsConfig, SourceConfig
from training.data.loader import STALLED_S, batches
from training.data.patch_source import PATCHES_PER_READ, PatchPool, PatchSource
from training.data.photographs import find_photographs
from training.data.samples import LANE_STEPS, crop_pair, lanes
from training.degradation.degrade import DegradationConfig
from training.degradation.fog import FogRanges

ROOT = Path(__file__).resolve().parents[2]
# Large batches: the worker is still handing one over when it is told to end.
_STOP_EARLY = """
import itertools
import numpy as np
from training.data.loader import STALLED_S, batches

class Grey:
    def sample(self, index):
        image = np.full((1024, 1024, 3), 128, np.uint8)
        return image, image

if __name__ == '__main__':
    for run in range(3):
        stream = batches(Grey(), 8, workers=1)
        for batch in itertools.islice(stream, 5):
            pass
        stream.close()
"""
DEGRADATION = DegradationConfig(kinds={'clean': 1.0, 'streaks': 1.0})


@pytest.fixture
def source(photographs_root):
    """Makes sources of small crops, one like the other."""
    photographs = find_photographs([str(photographs_root)])
    sharp = PhotographsConfig((str(photographs_root),))
    one = SourceConfig('photographs', photographs=sharp)

    def make(batch=2, **changes):
        values = {'patch_px': 64, 'crop_px': 64, 'pool': 8, 'reuse': 2} | changes
        return PatchSource(photographs, sharp, DataConfig((one,), **values), DEGRADATION, 5, batch)

    return make


def take(stream, count):
    return [tuple(images.clone() for images in next(stream)) for _ in range(count)]


def assert_equal(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_some_scenes_are_in_fog_their_truth_included(source):
    clear = [source().sample(index) for index in range(40)]
    fog = FogRanges(0.5, density=(0.95, 0.95), light=(0.1, 0.1))
    foggy = [source(fog=fog).sample(index)[1].std() < 8.0 for index in range(40)]
    assert 8 <= sum(foggy) <= 32
    assert not any(sharp.std() < 8.0 for _, sharp in clear)


def test_a_batch_is_the_samples_of_its_step(source):
    made = source()
    degraded, sharp = take(batches(made, 2, first_step=3), 1)[0]
    assert degraded.shape == sharp.shape == (2, 3, 64, 64)
    assert degraded.dtype == torch.uint8
    assert degraded.is_contiguous(memory_format=torch.channels_last)
    for place in (0, 1):
        one, other = made.sample(6 + place)
        assert np.array_equal(degraded[place].permute(1, 2, 0).numpy(), one)
        assert np.array_equal(sharp[place].permute(1, 2, 0).numpy(), other)


def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(source):
    assert_equal(take(batches(source(), 2), 40)[33:], take(batches(source(), 2, first_step=33), 7))


def test_ranks_divide_the_batch(source):
    whole = take(batches(source(batch=4), 4), 3)
    parts = [take(batches(source(batch=4), 4, rank=rank, world=2), 3) for rank in (0, 1)]
    joined = [
        tuple(torch.cat(pair) for pair in zip(one, other, strict=True))
        for one, other in zip(*parts, strict=True)
    ]
    assert_equal(whole, joined)
    with pytest.raises(ConfigError, match='multiple of the 3'):
        next(batches(source(), 4, world=3))


def test_workers_change_nothing(source):
    assert_equal(take(batches(source(), 2), 5), take(batches(source(), 2, workers=2), 5))


def test_workers_do_not_abort_at_their_end(tmp_path):
    script = tmp_path / 'stop_early.py'
    script.write_text(_STOP_EARLY)
    ended = subprocess.run(
        [sys.executable, script],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    # Python's tracker of semaphores may have a word to say at the end of the process; that is another matter.
    assert ended.returncode == 0, ended.stderr
    assert 'terminate called' not in ended.stderr
    assert 'Traceback' not in ended.stderr


class Killed:
    """A source whose third sample ends whoever asks for it."""

    def sample(self, index):
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.zeros((2, 8, 8, 3), np.uint8)


def test_a_killed_worker_is_an_error_in_one_line():
    with pytest.raises(RestoreError, match=r'was killed: got .*Error.*; often memory ran out'):
        take(batches(Killed(), 1, workers=1), 3)


class KilledLater:
    """A source that ends whoever asks for its third sample, once the two before have been handed over."""

    def __init__(self, handed_over):
        self.handed_over = handed_over

    def sample(self, index):
        if index == 2:
            while not self.handed_over.exists():
                time.sleep(0.01)
        return Killed().sample(index)


def test_a_worker_that_was_killed_with_nothing_on_its_way_is_missed_within_seconds(tmp_path):
    """Such a death was seen when the worker was given up, after 15 minutes."""
    made = batches(KilledLater(tmp_path / 'handed_over'), 1, workers=1)
    take(made, 2)
    (tmp_path / 'handed_over').touch()
    began = time.monotonic()
    with pytest.raises(RestoreError, match=r'was killed: got .*Error.*; often memory ran out'):
        next(made)
    assert time.monotonic() - began < STALLED_S / 2


class NoRoom:
    """A source in whose process shared memory has no room for a batch."""

    def sample(self, index):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        return np.zeros((2, 256, 256, 3), np.uint8)


class Hanging:
    """A source that never answers."""

    def sample(self, index):
        threading.Event().wait()


class Greedy:
    """A source for which there is not enough memory."""

    def sample(self, index):
        raise MemoryError


@pytest.mark.parametrize(
    ('source', 'named'),
    [
        (NoRoom, r'no room in shared memory.*want 7 MiB free in /dev/shm for 2 workers.*--shm-size=2g'),
        (Greedy, r'memory ran out'),
    ],
)
def test_a_batch_that_cannot_be_handed_over_is_an_error_in_one_line(source, named):
    with pytest.raises(RestoreError, match=named) as caught:
        next(batches(source(), 3, workers=2))
    assert '\n' not in str(caught.value)


def test_workers_that_hang_are_given_up():
    with pytest.raises(RestoreError, match='make training data hang'):
        next(batches(Hanging(), 3, workers=1, stalled_s=1.0))


def test_an_error_keeps_its_line_on_its_way_out_of_a_worker(tmp_path):
    (tmp_path / 'broken.png').write_bytes(b'no image')
    sharp = PhotographsConfig((str(tmp_path),))
    data = DataConfig((SourceConfig('broken', photographs=sharp),))
    broken = PatchSource(find_photographs(sharp.roots), sharp, data, DEGRADATION, 5, 2)
    with pytest.raises(InputError) as caught:
        next(batches(broken, 2))
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert str(error).endswith('broken.png is not an image; remove or replace it')


def counted(batch, pool, reuse=2):
    """A pool whose patches are numbers, and the list of all that it made."""
    made = []

    def make(rng):
        first = int(rng.integers(2**40))
        made.append(first)
        return [first] * PATCHES_PER_READ

    return PatchPool(make, pool, reuse, 5, batch), made


def test_a_patch_is_made_by_one_worker_of_one_rank():
    batch, world, workers = 4, 2, 4
    made = []
    for rank in range(world):
        for worker in range(workers):
            pool, mine = counted(batch, 200)
            share = batch // world
            for step in range(worker, 20 * LANE_STEPS, workers):
                for place in range(rank * share, (rank + 1) * share):
                    pool.draw(step * batch + place)
            made += mine
    assert len(made) == len(set(made)) > lanes(batch)


def test_patches_are_reused_and_forgotten():
    reuse = 4
    pool, made = counted(1, 8 * lanes(1), reuse)
    samples = 60 * PATCHES_PER_READ * reuse * lanes(1)
    for index in range(samples):
        pool.draw(index)
    assert samples / (len(made) * PATCHES_PER_READ) == pytest.approx(reuse, rel=0.1)
    assert max(map(len, pool._made.values())) <= 2


def test_samples_differ_and_are_of_all_orientations(source):
    made = source()
    assert len({made.sample(index)[0].tobytes() for index in range(20)}) == 20
    image = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    rng = np.random.default_rng(0)
    kinds = [
        crop_pair((image, image), 3, rng, flips=flips, turns=turns)
        for flips, turns in [(False, False), (True, False), (True, True)]
        for _ in range(60)
    ]
    assert all(np.array_equal(*pair) and pair[0].flags.c_contiguous for pair in kinds)
    seen = [{pair[0].tobytes() for pair in kinds[first : first + 60]} for first in (0, 60, 120)]
    assert [len(orientations) for orientations in seen] == [1, 4, 8]
