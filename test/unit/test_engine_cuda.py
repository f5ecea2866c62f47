"""The CUDA adapter on a simulated GPU: what it lends, and what it calls for it and when."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_gpu import CAPTURE_INVALIDATED, INVALID_VALUE, NOT_READY

from restore_node.common.errors import EngineError
from restore_node.engine.cuda import CudaError, GpuFacts
from restore_node.engine.cuda_resources import DeviceBuffer, Event, Graph, HostBuffer, Stream


def test_tells_what_the_gpu_is(cuda):
    assert cuda.facts() == GpuFacts('Simulated Orin', '8.7', 14, 8 << 30, True, '12.6', '12.2')
    assert cuda.free_bytes() == 4 << 30


def test_copies_there_and_back(cuda, runtime):
    there, image, back, stream = (
        HostBuffer(cuda, 1000),
        DeviceBuffer(cuda, 1000),
        HostBuffer(cuda, 1000),
        Stream(cuda),
    )
    there.array[:] = np.arange(1000) % 256
    stream.copy_in(image, there)
    stream.copy_out(back, image)
    stream.synchronize()
    assert back.array.dtype == np.uint8
    np.testing.assert_array_equal(back.array, there.array)
    copies = [call for call in runtime.calls if call[0] == 'cudaMemcpyAsync']
    assert copies == [
        ('cudaMemcpyAsync', image.handle, there.handle, 1000, 1, stream.handle),
        ('cudaMemcpyAsync', back.handle, image.handle, 1000, 2, stream.handle),
    ]


def test_never_copies_beyond_a_buffer(cuda, runtime):
    host, device, stream = HostBuffer(cuda, 300), DeviceBuffer(cuda, 200), Stream(cuda)
    before = len(runtime.calls)
    with pytest.raises(ValueError, match='copy from a buffer of 300 bytes into one of 200'):
        stream.copy_in(device, host)
    with pytest.raises(ValueError, match='copy from a buffer of 200 bytes into one of 300'):
        stream.copy_out(host, device)
    assert len(runtime.calls) == before


@pytest.mark.parametrize('size', [0, -5])
def test_a_buffer_has_a_size(cuda, runtime, size):
    with pytest.raises(ValueError, match='want 1 or more'):
        HostBuffer(cuda, size)
    with pytest.raises(ValueError, match='want 1 or more'):
        DeviceBuffer(cuda, size)
    assert not runtime.calls


def test_mapped_memory_has_an_address_on_the_gpu(cuda, runtime):
    assert HostBuffer(cuda, 8).device_address == 0
    mapped = HostBuffer(cuda, 8, mapped=True)
    assert mapped.device_address == mapped.handle
    assert [call[1:] for call in runtime.calls if call[0] == 'cudaHostAlloc'] == [(8, 0), (8, 2)]


def test_mapping_that_fails_frees_the_memory(cuda, runtime):
    runtime.fail('cudaHostGetDevicePointer', INVALID_VALUE)
    with pytest.raises(CudaError, match='cudaHostGetDevicePointer failed'):
        HostBuffer(cuda, 8, mapped=True)
    assert not runtime.live


def test_streams_are_urgent_and_do_not_block(cuda, runtime):
    Stream(cuda)
    assert runtime.calls[-1] == ('cudaStreamCreateWithPriority', 1, -5)


def test_events_let_the_waiting_thread_sleep(cuda, runtime):
    stream, event = Stream(cuda), Event(cuda)
    assert runtime.calls[-1] == ('cudaEventCreateWithFlags', 3)
    event.record(stream)
    event.synchronize()
    assert runtime.calls[-2:] == [
        ('cudaEventRecord', event.handle, stream.handle),
        ('cudaEventSynchronize', event.handle),
    ]


def test_unfinished_work_is_no_error(cuda, runtime):
    stream = Stream(cuda)
    runtime.fail('cudaStreamQuery', NOT_READY)
    assert not stream.is_done()
    assert stream.is_done()
    runtime.fail('cudaStreamQuery', INVALID_VALUE)
    with pytest.raises(CudaError, match='cudaErrorInvalidValue'):
        stream.is_done()


def test_a_graph_is_recorded_and_launched(cuda, runtime):
    host, device, stream = HostBuffer(cuda, 4), DeviceBuffer(cuda, 4), Stream(cuda)
    before = len(runtime.calls)

    def round_trip() -> None:
        stream.copy_in(device, host)
        stream.copy_out(host, device)

    graph = Graph(cuda, stream, round_trip)
    assert runtime.names()[before:] == [
        'cudaStreamBeginCapture',
        'cudaMemcpyAsync',
        'cudaMemcpyAsync',
        'cudaStreamEndCapture',
        'cudaGraphInstantiateWithFlags',
        'cudaGraphDestroy',
    ]
    assert runtime.calls[before] == ('cudaStreamBeginCapture', stream.handle, 1), 'only this thread'
    host.array[:] = 5
    graph.launch(stream)
    assert runtime.calls[-1] == ('cudaGraphLaunch', graph.handle, stream.handle)
    stream.synchronize()
    assert (host.array == 5).all()


def test_recording_ends_when_the_work_raises(cuda, runtime):
    stream = Stream(cuda)

    def refuse() -> None:
        raise EngineError('enqueue said False')

    with pytest.raises(EngineError, match='enqueue said False'):
        Graph(cuda, stream, refuse)
    assert runtime.names()[-2:] == ['cudaStreamEndCapture', 'cudaGraphDestroy']
    assert set(runtime.live.values()) == {'cudaStreamDestroy'}


@pytest.mark.parametrize(
    ('function', 'leaves'),
    [
        ('cudaStreamBeginCapture', 'cudaGetLastError'),
        ('cudaStreamEndCapture', 'cudaGetLastError'),
        ('cudaGraphInstantiateWithFlags', 'cudaGraphDestroy'),
    ],
)
def test_a_graph_that_cannot_be_made_leaves_nothing(cuda, runtime, function, leaves):
    stream = Stream(cuda)
    runtime.fail(function, CAPTURE_INVALIDATED)
    with pytest.raises(CudaError, match='cudaErrorStreamCaptureInvalidated') as caught:
        Graph(cuda, stream, lambda: None)
    assert not caught.value.sticky
    assert runtime.names()[-1] == leaves
    assert set(runtime.live.values()) == {'cudaStreamDestroy'}


def test_work_and_recording_that_both_fail_tell_of_the_work(cuda, runtime):
    stream = Stream(cuda)
    runtime.fail('cudaStreamEndCapture', CAPTURE_INVALIDATED)
    runtime.fail('cudaMemcpyAsync', INVALID_VALUE)
    host, device = HostBuffer(cuda, 4), DeviceBuffer(cuda, 4)
    with pytest.raises(CudaError, match='cudaMemcpyAsync failed'):
        Graph(cuda, stream, lambda: stream.copy_in(device, host))
