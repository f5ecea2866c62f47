"""What CUDA lends: pinned memory, GPU memory, streams, events and graphs. Each is given back once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import numpy as np

from restore_node.common.errors import EngineError
from restore_node.engine.cuda import Cuda, CudaError, cuda_lost

# CUDA's numbers, the same in every version.
_HOST_DEFAULT, _HOST_MAPPED = 0, 2
_HOST_TO_DEVICE, _DEVICE_TO_HOST = 1, 2
_STREAM_NON_BLOCKING = 1
_EVENT_BLOCKING_SYNC, _EVENT_DISABLE_TIMING = 1, 2
_CAPTURE_THREAD_LOCAL = 1

Self = TypeVar('Self', bound='Resource')


class Resource:
    """A handle or address that CUDA lends, and the C function that takes it back."""

    def __init__(self, cuda: Cuda, handle: int, free: str) -> None:
        self._cuda, self._handle, self._free = cuda, handle, free

    @property
    def handle(self) -> int:
        """The handle or address; raises EngineError once it has been given back."""
        if not self._handle:
            raise EngineError(f'this {type(self).__name__} is closed', fix='open the backend again')
        return self._handle

    def close(self) -> None:
        """Give it back; only the first time, and not after a sticky error, when CUDA must not be touched.

        Raises:
            CudaError: CUDA refuses; an error of earlier work may come to light here.
        """
        handle, self._handle = self._handle, 0
        if handle and not cuda_lost():
            self._cuda.call(self._free, handle)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HostBuffer(Resource):
    """Pinned memory of the host.

    Attributes:
        array: the memory, uint8 `[size]`; must not be touched once the buffer is closed.
        device_address: where the GPU sees it, 0 if it was not `mapped`; aligned to a page.
        size: bytes.
    """

    def __init__(self, cuda: Cuda, size: int, *, mapped: bool = False) -> None:
        self.size, self.device_address = _checked(size), 0
        (address,) = cuda.call('cudaHostAlloc', size, _HOST_MAPPED if mapped else _HOST_DEFAULT)
        super().__init__(cuda, address, 'cudaFreeHost')
        if mapped:
            try:
                (self.device_address,) = cuda.call('cudaHostGetDevicePointer', address, 0)
            except EngineError:
                self.close()
                raise
        self.array: np.ndarray = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))


class DeviceBuffer(Resource):
    """Memory of the GPU; `handle` is its address, aligned to 256 bytes or more, and `size` its bytes."""

    def __init__(self, cuda: Cuda, size: int) -> None:
        self.size = _checked(size)
        super().__init__(cuda, cuda.call('cudaMalloc', size)[0], 'cudaFree')


class Event(Resource):
    """A mark in a stream. A thread that waits for it sleeps instead of burning a core."""

    def __init__(self, cuda: Cuda) -> None:
        flags = _EVENT_BLOCKING_SYNC | _EVENT_DISABLE_TIMING
        super().__init__(cuda, cuda.call('cudaEventCreateWithFlags', flags)[0], 'cudaEventDestroy')

    def record(self, stream: Stream) -> None:
        """Put the mark behind all work of the stream so far; raises CudaError."""
        self._cuda.call('cudaEventRecord', self.handle, stream.handle)

    def synchronize(self) -> None:
        """Sleep until the mark is passed; raises CudaError, also for work before the mark that failed."""
        self._cuda.call('cudaEventSynchronize', self.handle)


class Stream(Resource):
    """A queue of work of the highest priority, which never waits for the default stream."""

    def __init__(self, cuda: Cuda) -> None:
        greatest = cuda.call('cudaDeviceGetStreamPriorityRange')[1]
        (handle,) = cuda.call('cudaStreamCreateWithPriority', _STREAM_NON_BLOCKING, greatest)
        super().__init__(cuda, handle, 'cudaStreamDestroy')

    def copy_in(self, device: DeviceBuffer, host: HostBuffer) -> None:
        """Queue a copy of all of `host` to the GPU; raises CudaError."""
        self._copy(device, host, _HOST_TO_DEVICE)

    def copy_out(self, host: HostBuffer, device: DeviceBuffer) -> None:
        """Queue a copy back that fills `host`; raises CudaError."""
        self._copy(host, device, _DEVICE_TO_HOST)

    def is_done(self) -> bool:
        """Whether all work is done; raises what CUDA has against it, for users that only say `failed`."""
        return self._cuda.is_done('cudaStreamQuery', self.handle)

    def synchronize(self) -> None:
        """Wait for all work, at the cost of a core; raises CudaError."""
        self._cuda.call('cudaStreamSynchronize', self.handle)

    def _copy(self, to: HostBuffer | DeviceBuffer, source: HostBuffer | DeviceBuffer, kind: int) -> None:
        if to.size != source.size:
            raise ValueError(f'copy from a buffer of {source.size} bytes into one of {to.size}')
        self._cuda.call('cudaMemcpyAsync', to.handle, source.handle, to.size, kind, self.handle)


class Graph(Resource):
    """The work that `enqueue` puts into a stream, recorded without running, to be launched as one.

    Addresses and shapes are fixed by it. Only this thread's calls are recorded; others go on undisturbed.

    Raises:
        CudaError: CUDA cannot record this work; the stream is usable again.
        Exception: what `enqueue` raises, likewise.
    """

    def __init__(self, cuda: Cuda, stream: Stream, enqueue: Callable[[], None]) -> None:
        template = _captured(cuda, stream, enqueue)
        try:
            (handle,) = cuda.call('cudaGraphInstantiateWithFlags', template, 0)
        finally:
            _discard(cuda, template)
        super().__init__(cuda, handle, 'cudaGraphExecDestroy')

    def launch(self, stream: Stream) -> None:
        """Queue the recorded work; raises CudaError."""
        self._cuda.call('cudaGraphLaunch', self.handle, stream.handle)


def _captured(cuda: Cuda, stream: Stream, enqueue: Callable[[], None]) -> int:
    cuda.call('cudaStreamBeginCapture', stream.handle, _CAPTURE_THREAD_LOCAL)
    try:
        enqueue()
    except BaseException:
        # Recording must end, or the stream is of no more use; that it ends with an error is no news.
        with suppress(CudaError):
            _discard(cuda, cuda.call('cudaStreamEndCapture', stream.handle)[0])
        raise
    return int(cuda.call('cudaStreamEndCapture', stream.handle)[0])


def _discard(cuda: Cuda, template: int) -> None:
    if template and not cuda_lost():
        cuda.call('cudaGraphDestroy', template)


def _checked(size: int) -> int:
    if size < 1:
        raise ValueError(f'buffer of {size} bytes, want 1 or more')
    return size
