"""The CUDA adapter on a simulated GPU: what it frees, what an error does, what it opens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from simulated_gpu import (
    ILLEGAL_ADDRESS,
    INVALID_VALUE,
    NO_DEVICE,
    NO_DRIVER,
    OUT_OF_MEMORY,
    SimulatedGpu,
)

from restore_node.common.errors import EngineError
from restore_node.engine import cuda as cuda_module
from restore_node.engine.cuda import (
    Cuda,
    CudaError,
    CudaLostError,
    CudaMissingError,
    CudaOutOfMemoryError,
    cuda_lost,
    open_cuda,
)
from restore_node.engine.cuda_resources import DeviceBuffer, Event, Graph, HostBuffer, Resource, Stream
from restore_node.engine.cuda_runtime import CudaResult


@pytest.fixture
def on_this_machine(monkeypatch) -> Callable[..., None]:
    """`on_this_machine(runtime or error, ...)` is what `open_cuda` finds."""

    def loads(found: SimulatedGpu | ImportError) -> Callable[[], SimulatedGpu]:
        def load() -> SimulatedGpu:
            if isinstance(found, ImportError):
                raise found
            return found

        return load

    return lambda *found: monkeypatch.setattr(cuda_module, 'candidates', lambda: list(map(loads, found)))


def everything(cuda: Cuda) -> list[Resource]:
    stream = Stream(cuda)
    others = HostBuffer(cuda, 8), DeviceBuffer(cuda, 8), Event(cuda), Graph(cuda, stream, lambda: None)
    return [stream, *others]


def test_each_is_freed_once(cuda, runtime):
    for resource in everything(cuda):
        handle = resource.handle
        with resource:
            before = len(runtime.calls)
        assert runtime.calls[before:] == [(runtime.calls[-1][0], handle)]
        with pytest.raises(EngineError, match=f'{type(resource).__name__} is closed'):
            _ = resource.handle
        before = len(runtime.calls)
        resource.close()
        assert len(runtime.calls) == before
    assert not runtime.live


@pytest.mark.parametrize('nth', [1, 2, 3])
def test_out_of_memory_in_the_middle_frees_the_rest(cuda, runtime, nth):
    runtime.fail('cudaMalloc', OUT_OF_MEMORY, nth)

    def take_three() -> None:
        with ExitStack() as taken:
            for _ in range(3):
                taken.enter_context(HostBuffer(cuda, 8))
                taken.enter_context(DeviceBuffer(cuda, 8))

    with pytest.raises(CudaOutOfMemoryError, match=r'cudaMalloc failed.*cudaErrorMemoryAllocation'):
        take_three()
    assert runtime.names().count('cudaMalloc') == nth
    assert not runtime.live
    assert cuda_lost() is None
    DeviceBuffer(cuda, 8)  # the process goes on


def test_an_error_that_passes_is_taken_from_the_runtime(cuda, runtime):
    stream = Stream(cuda)
    runtime.fail('cudaStreamSynchronize', INVALID_VALUE)
    with pytest.raises(CudaError, match=r'cudaStreamSynchronize failed: got cudaErrorInvalidValue') as caught:
        stream.synchronize()
    assert (caught.value.call, caught.value.sticky) == ('cudaStreamSynchronize', False)
    assert runtime.names()[-1] == 'cudaGetLastError', 'or TensorRT would find it'


def test_an_error_of_freeing_is_raised_once(cuda, runtime):
    memory = DeviceBuffer(cuda, 8)
    runtime.fail('cudaFree', INVALID_VALUE)
    with pytest.raises(CudaError, match='cudaFree failed'):
        memory.close()
    memory.close()


def test_after_a_sticky_error_cuda_is_never_touched_again(cuda, runtime):
    resources = everything(cuda)
    stream, host, device, event, graph = resources
    runtime.fail('cudaEventSynchronize', ILLEGAL_ADDRESS)
    with pytest.raises(CudaError, match=r'cudaErrorIllegalAddress.*restart this process') as caught:
        event.synchronize()
    assert caught.value.sticky
    assert not isinstance(caught.value, CudaLostError)
    assert cuda_lost() is caught.value
    count = len(runtime.calls)
    other = Cuda(SimulatedGpu())
    attempts: list[Callable[[], object]] = [
        cuda.facts,
        cuda.free_bytes,
        lambda: Stream(cuda),
        lambda: Event(cuda),
        lambda: HostBuffer(cuda, 8),
        lambda: DeviceBuffer(cuda, 8),
        lambda: Graph(cuda, stream, lambda: None),
        lambda: stream.copy_in(device, host),
        stream.synchronize,
        stream.is_done,
        lambda: event.record(stream),
        lambda: graph.launch(stream),
        lambda: HostBuffer(other, 8),
        open_cuda,
    ]
    for attempt in attempts:
        with pytest.raises(CudaLostError, match='cudaEventSynchronize failed') as refused:
            attempt()
        assert refused.value.sticky
    for resource in resources:
        resource.close()
    assert len(runtime.calls) == count
    assert not other.runtime.calls


def test_the_latch_holds_in_every_thread(cuda, runtime):
    stream = Stream(cuda)
    runtime.fail('cudaStreamQuery', ILLEGAL_ADDRESS)
    with pytest.raises(CudaError):
        stream.is_done()
    refused = []

    def use() -> None:
        try:
            stream.synchronize()
        except CudaLostError as error:
            refused.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert refused


def test_cuda_lost_while_recording_is_not_touched_to_end_it(cuda, runtime):
    stream, host, device = Stream(cuda), HostBuffer(cuda, 4), DeviceBuffer(cuda, 4)
    runtime.fail('cudaMemcpyAsync', ILLEGAL_ADDRESS)
    with pytest.raises(CudaError, match='cudaErrorIllegalAddress'):
        Graph(cuda, stream, lambda: stream.copy_in(device, host))
    assert runtime.names()[-1] == 'cudaMemcpyAsync'


def test_opens_the_first_runtime_that_works(on_this_machine):
    too_new, fits, unused = SimulatedGpu(), SimulatedGpu(), SimulatedGpu()
    too_new.fail('cudaGetDeviceCount', NO_DRIVER)
    on_this_machine(ImportError('no module'), too_new, fits, unused)
    cuda = open_cuda()
    assert cuda.runtime is fits
    assert fits.calls[-1] == ('cudaSetDevice', 0)
    assert not unused.calls


def test_says_of_every_runtime_why_it_does_not_work(on_this_machine):
    no_driver, old_driver, no_gpu, none_shown, odd = (SimulatedGpu() for _ in range(5))
    no_driver.fail('cudaGetDeviceCount', NO_DRIVER)
    no_driver.answers['cudaDriverGetVersion'] = lambda: (0,)
    old_driver.fail('cudaGetDeviceCount', NO_DRIVER)
    no_gpu.fail('cudaGetDeviceCount', NO_DEVICE)
    none_shown.answers['cudaGetDeviceCount'] = lambda: (0,)
    odd.fail('cudaGetDeviceCount', INVALID_VALUE)
    for name, runtime in (('a', no_driver), ('b', old_driver), ('c', no_gpu), ('d', none_shown), ('e', odd)):
        runtime.name = name
    on_this_machine(ImportError('no module named cuda'), no_driver, old_driver, no_gpu, none_shown, odd)
    with pytest.raises(CudaMissingError) as caught:
        open_cuda()
    for part in (
        'no module named cuda',
        'a: no NVIDIA driver',
        'b: the NVIDIA driver serves CUDA 12.6, this runtime is CUDA 12.2',
        'c: no GPU',
        'd: no GPU',
        'e: cudaErrorInvalidValue (text of 1)',
        'install the NVIDIA driver',
    ):
        assert part in str(caught.value)
    assert cuda_lost() is None


def test_a_gpu_that_refuses_is_no_missing_gpu(on_this_machine):
    runtime = SimulatedGpu()
    runtime.fail('cudaSetDevice', OUT_OF_MEMORY)
    on_this_machine(runtime)
    with pytest.raises(CudaOutOfMemoryError):
        open_cuda()


def test_results_of_a_failed_call_are_not_used(cuda, runtime, monkeypatch):
    monkeypatch.setattr(runtime, 'device_name', lambda _: CudaResult(INVALID_VALUE))
    with pytest.raises(CudaError, match='cudaGetDeviceProperties failed'):
        cuda.facts()
