"""Both ways to CUDA: NVIDIA's real libraries, which load without a driver, and a libcudart that tells."""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from restore_node.engine import cuda as cuda_module
from restore_node.engine import cuda_resources
from restore_node.engine.cuda import Cuda, CudaError, CudaMissingError, open_cuda
from restore_node.engine.cuda_resources import DeviceBuffer, Event, HostBuffer, Stream
from restore_node.engine.cuda_runtime import SIGNATURES, CudaLibrary, CudaPython, Runtime, candidates

bindings = pytest.importorskip('cuda.bindings.runtime', reason='cuda-bindings are not installed')

STUB = Path(__file__).resolve().parent.parent / 'stub_cudart.c'
REAL = {'nvidia-cuda-runtime-cu12': 'libcudart.so.12', 'nvidia-cuda-runtime': 'libcudart.so.13'}
NO_DRIVER = 35
# Without a driver these answer all the same.
ANSWERED = {'cudaDriverGetVersion': (0,), 'cudaRuntimeGetVersion': None}
# Arguments that mean something to the bindings, which check them before CUDA does.
MEANINGFUL = {'cudaMemcpyAsync': (1, 2, 3, 1, 5), 'cudaDeviceGetAttribute': (75, 0)}


@pytest.fixture(autouse=True)
def _latch(monkeypatch):
    monkeypatch.setattr(cuda_module, '_lost', None)


def real_library(package: str) -> CudaLibrary:
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f'{package} is not installed')
    return CudaLibrary(str(next(file for file in files if file.name == REAL[package]).locate()))


@pytest.fixture(params=['cuda-bindings', *REAL])
def real(request) -> Runtime:
    runtime = CudaPython() if request.param == 'cuda-bindings' else real_library(request.param)
    if runtime.call('cudaGetDeviceCount').code == 0:
        pytest.skip('there is a GPU; made-up handles would crash it')
    return runtime


@pytest.mark.parametrize('function', SIGNATURES)
def test_the_real_runtimes_take_every_call(real, function):
    count = sum(not hasattr(kind, 'contents') for kind in SIGNATURES[function])
    outcome = real.call(function, *MEANINGFUL.get(function, (1,) * count))
    if function in ANSWERED:
        assert outcome.code == 0
        assert ANSWERED[function] in (None, outcome.values)
    else:
        assert outcome == (NO_DRIVER, ())
        assert real.describe(outcome.code)[0] == 'cudaErrorInsufficientDriver'


def test_the_real_runtimes_name_devices_and_errors(real):
    assert real.device_name(0) == (NO_DRIVER, ())
    assert real.describe(700) == ('cudaErrorIllegalAddress', 'an illegal memory access was encountered')
    assert real.describe(77777)[0], 'an error that is newer than the runtime'


def test_a_machine_without_driver_is_told_so():
    if CudaPython().call('cudaGetDeviceCount').code == 0:
        pytest.skip('there is a GPU')
    with pytest.raises(CudaMissingError, match=r'cuda-bindings [\d.]+: no NVIDIA driver.*install the NVIDIA'):
        open_cuda()


def test_every_error_that_ends_a_process_is_sticky():
    ends = {
        error.name
        for error in bindings.cudaError_t
        if re.search(r'process\s+must\s+be\s+terminated', error.__doc__ or '')
    }
    assert len(ends) > 8
    assert ends <= cuda_module.STICKY
    assert {error.name for error in bindings.cudaError_t} >= cuda_module.STICKY
    assert (
        not {'cudaErrorMemoryAllocation', 'cudaErrorNotReady', 'cudaErrorInvalidValue'} & cuda_module.STICKY
    )


def test_our_numbers_are_those_of_cuda():
    kinds, attributes = bindings.cudaMemcpyKind, bindings.cudaDeviceAttr
    for ours, theirs in (
        (cuda_resources._HOST_DEFAULT, bindings.cudaHostAllocDefault),
        (cuda_resources._HOST_MAPPED, bindings.cudaHostAllocMapped),
        (cuda_resources._HOST_TO_DEVICE, kinds.cudaMemcpyHostToDevice),
        (cuda_resources._DEVICE_TO_HOST, kinds.cudaMemcpyDeviceToHost),
        (cuda_resources._STREAM_NON_BLOCKING, bindings.cudaStreamNonBlocking),
        (cuda_resources._EVENT_BLOCKING_SYNC, bindings.cudaEventBlockingSync),
        (cuda_resources._EVENT_DISABLE_TIMING, bindings.cudaEventDisableTiming),
        (
            cuda_resources._CAPTURE_THREAD_LOCAL,
            bindings.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal,
        ),
        (cuda_module._NOT_READY, bindings.cudaError_t.cudaErrorNotReady),
        (16, attributes.cudaDevAttrMultiProcessorCount),
        (18, attributes.cudaDevAttrIntegrated),
        (75, attributes.cudaDevAttrComputeCapabilityMajor),
        (76, attributes.cudaDevAttrComputeCapabilityMinor),
    ):
        assert ours == int(theirs), theirs


def test_bindings_that_hold_the_interpreter_lock_are_not_used(monkeypatch):
    from cuda.bindings import utils

    monkeypatch.delattr(utils, 'get_cuda_native_handle')
    with pytest.raises(ImportError, match='get_cuda_native_handle'):
        CudaPython()


def test_a_library_that_is_missing_or_something_else_is_no_runtime():
    with pytest.raises(ImportError, match='libcudart_nowhere'):
        CudaLibrary('libcudart_nowhere.so')
    with pytest.raises(ImportError, match='cudaDriverGetVersion'):
        CudaLibrary('libc.so.6')
    assert len(candidates()) == 4


@pytest.fixture(scope='module')
def built_stub(tmp_path_factory) -> Path:
    compiler = shutil.which('gcc') or shutil.which('cc')
    if not compiler:
        pytest.skip('no C compiler to make a libcudart that tells')
    library = tmp_path_factory.mktemp('stub') / 'libcudart.so'
    subprocess.run([compiler, '-shared', '-fPIC', '-o', library, STUB], check=True)
    return library


@pytest.fixture
def stub(built_stub, tmp_path) -> CudaLibrary:
    # A copy, so that each test has a library of its own, with its own log.
    return CudaLibrary(shutil.copy(built_stub, tmp_path / 'libcudart.so'))


def log_of(stub: CudaLibrary) -> list[str]:
    tell = ctypes.CDLL(stub.name).stub_log
    tell.restype = ctypes.c_char_p
    return tell().decode().splitlines()


def test_arguments_reach_c_whole(stub):
    wide = 0x7FFF_1234_5678
    calls = [
        ('cudaEventRecord', wide, wide + 1),
        ('cudaGraphLaunch', wide, wide + 1),
        ('cudaGraphInstantiateWithFlags', wide, 3),
        ('cudaStreamBeginCapture', wide, 1),
        ('cudaStreamEndCapture', wide),
        ('cudaHostGetDevicePointer', wide, 0),
        ('cudaStreamCreateWithPriority', 1, -5),
    ]
    outcomes = [stub.call(*call) for call in calls]
    expected = [' '.join([name, *(f'{abs(a):x}' for a in arguments)]) for name, *arguments in calls]
    assert log_of(stub) == expected
    assert outcomes[2].values[0] > 2**32, 'handles come back whole'
    assert outcomes[5] == (0, (wide,))
    assert stub.call('cudaMemGetInfo') == (0, (5 << 32, 6 << 32))
    assert stub.device_name(0) == (0, ('Stub',))


def test_a_frame_goes_through_ctypes_and_back(stub):
    cuda = Cuda(stub)
    with (
        HostBuffer(cuda, 640) as there,
        DeviceBuffer(cuda, 640) as image,
        HostBuffer(cuda, 640, mapped=True) as back,
        Stream(cuda) as stream,
        Event(cuda) as event,
    ):
        there.array[:] = np.arange(640) % 251
        stream.copy_in(image, there)
        stream.copy_out(back, image)
        event.record(stream)
        event.synchronize()
        np.testing.assert_array_equal(back.array, there.array)
        assert image.handle % 256 == 0
        handles = [f'{resource.handle:x}' for resource in (event, stream, back, image, there)]
    assert log_of(stub)[-5:] == [
        f'{name} {handle}'
        for name, handle in zip(
            ['cudaEventDestroy', 'cudaStreamDestroy', 'cudaFreeHost', 'cudaFree', 'cudaFreeHost'],
            handles,
            strict=True,
        )
    ]


def test_errors_come_through_ctypes(stub):
    cuda = Cuda(stub)
    stream = Stream(cuda)
    ctypes.CDLL(stub.name).stub_fail(b'cudaMalloc', 1)
    with pytest.raises(CudaError, match=r'cudaMalloc failed: got cudaErrorInvalidValue \(invalid argument\)'):
        DeviceBuffer(cuda, 8)
    assert log_of(stub)[-1] == 'cudaGetLastError'
    ctypes.CDLL(stub.name).stub_fail(b'cudaStreamSynchronize', 700)
    with pytest.raises(CudaError, match='illegal address') as caught:
        stream.synchronize()
    assert caught.value.sticky
    stream.close()
    assert log_of(stub)[-1].startswith('cudaStreamSynchronize'), 'nothing was freed'


def test_other_threads_run_while_one_waits_for_the_gpu(stub):
    library, codes = ctypes.CDLL(stub.name), []
    library.stub_hold(1)
    waiting = threading.Thread(target=lambda: codes.append(stub.call('cudaEventSynchronize', 1).code))
    waiting.start()
    while waiting.is_alive() and not library.stub_waiting():
        time.sleep(0.001)
    library.stub_hold(0)  # this thread can run, so the call let the interpreter go
    waiting.join()
    assert codes == [0]
