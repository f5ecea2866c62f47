"""The CUDA adapter on a recording double: what it frees, what an error does, what it opens."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from cuda_double import (
    ILLEGAL_ADDRESS,
    INVALID_VALUE,
    NO_DEVICE,
    NO_DRIVER,
    OUT_OF_MEMORY,
    RecordingRuntime,
)

from restore_node.common.errors import EngineError
from restore_node.engine import cuda as cuda_module
from restore_node.engine import cuda_calls
from restore_node.engine.cuda import (
    Cuda,
    CudaError,
    CudaLostError,
    CudaMissingError,
    CudaOutOfMemoryError,
    cuda_lost,
    open_cuda,
)
from restore_node.engine.cuda_runtime import CudaResult


@pytest.fixture(autouse=True)
def _latch(monkeypatch):
    monkeypatch.setattr(cuda_calls, '_lost', None)


@pytest.fixture
def runtime() -> RecordingRuntime:
    return RecordingRuntime()


@pytest.fixture
def cuda(runtime) -> Cuda:
    return Cuda(runtime)


@pytest.fixture
def on_this_machine(monkeypatch) -> Callable[..., None]:
    """`on_this_machine(runtime or error, ...)` is what `open_cuda` finds."""

    def loads(found: RecordingRuntime | ImportError) -> Callable[[], RecordingRuntime]:
        def load() -> RecordingRuntime:
            if isinstance(found, ImportError):
                raise found
            return found

        return load

    return lambda *found: monkeypatch.setattr(cuda_module, 'candidates', lambda: list(map(loads, found)))


def everything(cuda: Cuda) -> list:
    stream = cuda.stream()
    return [
        stream,
        cuda.host_buffer(8),
        cuda.device_buffer(8),
        cuda.event(),
        cuda.graph(stream, lambda: None),
    ]


def test_all_is_freed_once_newest_first(cuda, runtime):
    with cuda:
        resources = everything(cuda)
        handles = [resource.handle for resource in resources]
        before = len(runtime.calls)
    assert not runtime.live
    assert [call[1] for call in runtime.calls[before:]] == handles[::-1]
    for resource in resources:
        resource.close()
    cuda.close()
    assert len(runtime.calls) == before + len(handles)


def test_what_is_closed_alone_is_not_freed_again(cuda, runtime):
    with cuda.host_buffer(8) as host, cuda.stream():
        assert host.is_open
    assert not runtime.live
    assert not host.is_open
    with pytest.raises(EngineError, match='HostBuffer is closed'):
        _ = host.handle
    count = len(runtime.calls)
    cuda.close()
    assert len(runtime.calls) == count


def test_cameras_that_come_and_go_leave_no_trace(cuda, runtime):
    for _ in range(100):
        cuda.host_buffer(8).close()
    assert len(cuda._lent) == 1
    assert not runtime.live


@pytest.mark.parametrize('nth', [1, 2, 3])
def test_out_of_memory_in_the_middle_frees_the_rest(cuda, runtime, nth):
    runtime.fail('cudaMalloc', OUT_OF_MEMORY, nth)

    def take_three() -> None:
        with cuda:
            for _ in range(3):
                cuda.host_buffer(8)
                cuda.device_buffer(8)

    with pytest.raises(CudaOutOfMemoryError, match=r'cudaMalloc failed.*cudaErrorMemoryAllocation'):
        take_three()
    assert runtime.names().count('cudaMalloc') == nth
    assert not runtime.live
    assert cuda_lost() is None
    cuda.device_buffer(8)  # the process goes on


def test_an_error_that_passes_is_taken_from_the_runtime(cuda, runtime):
    stream = cuda.stream()
    runtime.fail('cudaStreamSynchronize', INVALID_VALUE)
    with pytest.raises(CudaError, match=r'cudaStreamSynchronize failed: got cudaErrorInvalidValue') as caught:
        stream.synchronize()
    assert (caught.value.call, caught.value.sticky) == ('cudaStreamSynchronize', False)
    assert runtime.names()[-1] == 'cudaGetLastError', 'or TensorRT would find it'


def test_freeing_goes_on_after_an_error_and_raises_it_once(cuda, runtime):
    everything(cuda)
    runtime.fail('cudaFree', INVALID_VALUE)
    with pytest.raises(CudaError, match='cudaFree failed'):
        cuda.close()
    assert set(runtime.live.values()) == {'cudaFree'}
    cuda.close()


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
    other = Cuda(RecordingRuntime())
    attempts: list[Callable[[], object]] = [
        cuda.facts,
        cuda.device_name,
        cuda.free_bytes,
        cuda.stream,
        cuda.event,
        lambda: cuda.host_buffer(8),
        lambda: cuda.device_buffer(8),
        lambda: cuda.graph(stream, lambda: None),
        lambda: stream.copy_in(device, host),
        stream.synchronize,
        stream.is_done,
        event.is_done,
        lambda: event.record(stream),
        lambda: graph.launch(stream),
        lambda: other.host_buffer(8),
        open_cuda,
    ]
    for attempt in attempts:
        with pytest.raises(CudaLostError, match='cudaEventSynchronize failed') as refused:
            attempt()
        assert refused.value.sticky
    for resource in resources:
        resource.close()
    cuda.close()
    assert len(runtime.calls) == count
    assert not other.runtime.calls


def test_the_latch_holds_in_every_thread(cuda, runtime):
    stream = cuda.stream()
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
    stream, host, device = cuda.stream(), cuda.host_buffer(4), cuda.device_buffer(4)
    runtime.fail('cudaMemcpyAsync', ILLEGAL_ADDRESS)
    with pytest.raises(CudaError, match='cudaErrorIllegalAddress'), cuda:
        cuda.graph(stream, lambda: stream.copy_in(device, host))
    assert runtime.names()[-1] == 'cudaMemcpyAsync'


def test_opens_the_first_runtime_that_works(on_this_machine):
    too_new, fits, unused = RecordingRuntime(), RecordingRuntime(), RecordingRuntime()
    too_new.fail('cudaGetDeviceCount', NO_DRIVER)
    on_this_machine(ImportError('no module'), too_new, fits, unused)
    cuda = open_cuda()
    assert cuda.runtime is fits
    assert fits.calls[-1] == ('cudaSetDevice', 0)
    assert not unused.calls


def test_says_of_every_runtime_why_it_does_not_work(on_this_machine):
    no_driver, old_driver, no_gpu, none_shown, odd = (RecordingRuntime() for _ in range(5))
    no_driver.fail('cudaGetDeviceCount', NO_DRIVER)
    no_driver._answers['cudaDriverGetVersion'] = lambda: (0,)
    old_driver.fail('cudaGetDeviceCount', NO_DRIVER)
    no_gpu.fail('cudaGetDeviceCount', NO_DEVICE)
    none_shown._answers['cudaGetDeviceCount'] = lambda: (0,)
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
    runtime = RecordingRuntime()
    runtime.fail('cudaSetDevice', OUT_OF_MEMORY)
    on_this_machine(runtime)
    with pytest.raises(CudaOutOfMemoryError):
        open_cuda()


def test_results_of_a_failed_call_are_not_used(cuda, runtime, monkeypatch):
    monkeypatch.setattr(runtime, 'device_name', lambda _: CudaResult(INVALID_VALUE))
    with pytest.raises(CudaError, match='cudaGetDeviceProperties failed'):
        cuda.facts()
