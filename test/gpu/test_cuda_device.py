"""The CUDA adapter on a real GPU, through each runtime of this machine."""

from __future__ import annotations

import re
import threading
import time
from functools import partial

import numpy as np
import pytest

from restore_node.engine.cuda import Cuda, CudaError, CudaMissingError, CudaOutOfMemoryError, open_cuda
from restore_node.engine.cuda_resources import DeviceBuffer, Event, Graph, HostBuffer, Stream
from restore_node.engine.cuda_runtime import LIBRARIES, CudaLibrary, CudaPython

pytestmark = pytest.mark.gpu

try:
    open_cuda()
except CudaMissingError as missing:
    pytest.skip(str(missing), allow_module_level=True)

FRAME = (1080, 1920, 3)
RUNTIMES = {'cuda-bindings': CudaPython, **{name: partial(CudaLibrary, name) for name in LIBRARIES}}


@pytest.fixture(params=RUNTIMES)
def cuda(request):
    try:
        runtime = RUNTIMES[request.param]()
    except ImportError as error:
        pytest.skip(str(error))
    if runtime.call('cudaGetDeviceCount').code:
        pytest.skip(f'{runtime.name} does not fit the driver')
    return Cuda(runtime)


def frame(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, FRAME, np.uint8)


def test_says_what_the_gpu_is(cuda):
    facts = cuda.facts()
    assert facts.name
    assert re.fullmatch(r'\d+\.\d', facts.capability)
    assert re.fullmatch(r'\d+\.\d', facts.driver_version)
    assert re.fullmatch(r'\d+\.\d', facts.runtime_version)
    assert facts.sm_count > 0
    assert 0 < cuda.free_bytes() <= facts.memory_bytes


def test_a_frame_goes_there_and_back(cuda):
    sent = frame(1)
    there, image, back = (
        HostBuffer(cuda, sent.size),
        DeviceBuffer(cuda, sent.size),
        HostBuffer(cuda, sent.size),
    )
    stream, done = Stream(cuda), Event(cuda)
    assert image.handle % 256 == 0
    there.array[:] = sent.reshape(-1)
    stream.copy_in(image, there)
    stream.copy_out(back, image)
    done.record(stream)
    done.synchronize()
    assert stream.is_done()
    np.testing.assert_array_equal(back.array.reshape(FRAME), sent)


def test_a_recorded_graph_copies_what_the_buffer_holds_then(cuda):
    size = frame(0).size
    there, image, back = HostBuffer(cuda, size), DeviceBuffer(cuda, size), HostBuffer(cuda, size)
    stream, done = Stream(cuda), Event(cuda)

    def round_trip() -> None:
        stream.copy_in(image, there)
        stream.copy_out(back, image)

    back.array[:] = 0
    graph = Graph(cuda, stream, round_trip)
    assert not back.array.any(), 'recording runs nothing'
    for seed in range(3):
        there.array[:] = frame(seed).reshape(-1)
        graph.launch(stream)
        done.record(stream)
        done.synchronize()
        np.testing.assert_array_equal(back.array, there.array)


def test_mapped_memory_is_seen_by_the_gpu(cuda):
    host, image, back = HostBuffer(cuda, 4096, mapped=True), DeviceBuffer(cuda, 4096), HostBuffer(cuda, 4096)
    stream = Stream(cuda)
    host.array[:] = np.arange(4096) % 251
    assert host.device_address
    cuda.call(
        'cudaMemcpyAsync', image.handle, host.device_address, 4096, 3, stream.handle
    )  # device to device
    stream.copy_out(back, image)
    stream.synchronize()
    np.testing.assert_array_equal(back.array, host.array)


def test_what_cannot_be_recorded_leaves_the_stream_usable(cuda):
    stream, host, image = Stream(cuda), HostBuffer(cuda, 64), DeviceBuffer(cuda, 64)
    with pytest.raises(CudaError, match='cudaErrorStreamCapture'):
        Graph(cuda, stream, stream.synchronize)
    stream.copy_in(image, host)
    stream.synchronize()


def test_too_much_memory_is_refused_and_nothing_else_is_lost(cuda):
    with pytest.raises(CudaOutOfMemoryError, match='cudaErrorMemoryAllocation'):
        DeviceBuffer(cuda, 1 << 46)
    DeviceBuffer(cuda, 1 << 20)


def test_nothing_leaks(cuda):
    DeviceBuffer(cuda, 1 << 20).close()
    before = cuda.free_bytes()
    for _ in range(50):
        with DeviceBuffer(cuda, 64 << 20), HostBuffer(cuda, 1 << 20), Stream(cuda), Event(cuda):
            pass
    assert cuda.free_bytes() >= before - (64 << 20)


def test_other_threads_run_while_one_waits(cuda):
    size = 256 << 20
    host, image, stream, done = HostBuffer(cuda, size), DeviceBuffer(cuda, size), Stream(cuda), Event(cuda)
    for _ in range(20):
        stream.copy_in(image, host)
    done.record(stream)
    waiting = threading.Thread(target=done.synchronize)
    waiting.start()
    ticks = 0
    while waiting.is_alive():
        time.sleep(0.001)
        ticks += 1
    assert ticks > 5
