# ruff: noqa: N802, N815  the functions have CUDA's names
"""A CUDA runtime without a GPU, for `restore_node.engine.cuda.Cuda`.

GPU memory is host memory. A stream's work waits until somebody waits for it, so that code that forgets to
wait reads stale bytes; recorded graphs replay their work. What is lent is counted, any call can be made to
fail.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable

from restore_node.engine.cuda_runtime import CudaResult

NAMES = {
    2: 'cudaErrorMemoryAllocation',
    100: 'cudaErrorNoDevice',
    700: 'cudaErrorIllegalAddress',
    900: 'cudaErrorStreamCaptureUnsupported',
}
LENT_BY = {
    'cudaMalloc': 'cudaFree',
    'cudaHostAlloc': 'cudaFreeHost',
    'cudaStreamCreateWithPriority': 'cudaStreamDestroy',
    'cudaEventCreateWithFlags': 'cudaEventDestroy',
    'cudaGraphInstantiateWithFlags': 'cudaGraphExecDestroy',
    'cudaStreamEndCapture': 'cudaGraphDestroy',
}
ATTRIBUTES = {16: 16, 18: 1, 75: 8, 76: 7}
ALIGNMENT = 256
Work = Callable[[], None]


class SimulatedGpu:
    """See above.

    Attributes:
        calls: every call as (function, arguments), in order.
        failures: code by function; that function fails from now on.
        attributes: cudaDeviceAttr by number.
        lent: what was lent and not given back, by the function that lent it.
    """

    name = 'simulated'

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[int, ...]]] = []
        self.failures: dict[str, int] = {}
        self.attributes = dict(ATTRIBUTES)
        self.lent: Counter[str] = Counter()
        self._memory: dict[int, ctypes.Array] = {}
        self._queues: dict[int, list[Work]] = {}
        self._recorded: dict[int, list[Work]] = {}
        self._recording: dict[int, list[Work]] = {}
        self._handles = iter(range(1, 10**6))

    def call(self, function: str, *arguments: int) -> CudaResult:
        self.calls.append((function, arguments))
        code = self.failures.get(function, 0)
        if function == 'cudaStreamEndCapture' and code:
            self._recording.pop(arguments[0], None)
        if code:
            return CudaResult(code, (0,))
        if function in LENT_BY:
            self.lent[function] += 1
        self.lent.subtract(lend for lend, free in LENT_BY.items() if free == function)
        return CudaResult(0, getattr(self, f'_{function}')(*arguments) or ())

    def describe(self, code: int) -> tuple[str, str]:
        return NAMES[code], 'as the test wants it'

    def device_name(self, device: int) -> CudaResult:
        return CudaResult(0, ('Simulated Orin',))

    def count(self, function: str) -> int:
        """How often a function was called."""
        return sum(called == function for called, _ in self.calls)

    def leaks(self) -> Counter[str]:
        """What is still lent."""
        return +self.lent

    # For the double of TensorRT.

    def is_recording(self, stream: int) -> bool:
        return stream in self._recording

    def enqueue(self, stream: int, work: Work) -> None:
        (self._recording if stream in self._recording else self._queues)[stream].append(work)

    def is_mapped(self, address: int) -> bool:
        return address in self._memory

    # The functions, by their C names.

    def _cudaGetDeviceCount(self) -> tuple:
        return (1,)

    def _cudaDriverGetVersion(self) -> tuple:
        return (12060,)

    _cudaRuntimeGetVersion = _cudaDriverGetVersion

    def _cudaSetDevice(self, device: int) -> None:
        pass

    def _cudaGetLastError(self) -> None:
        pass

    def _cudaMemGetInfo(self) -> tuple:
        return 6 << 30, 8 << 30

    def _cudaDeviceGetAttribute(self, attribute: int, device: int) -> tuple:
        return (self.attributes[attribute],)

    def _cudaMalloc(self, size: int, flags: int = 0) -> tuple:
        memory = (ctypes.c_uint8 * (size + ALIGNMENT))()
        address = -(-ctypes.addressof(memory) // ALIGNMENT) * ALIGNMENT
        self._memory[address] = memory
        return (address,)

    _cudaHostAlloc = _cudaMalloc

    def _cudaFree(self, address: int) -> None:
        del self._memory[address]

    _cudaFreeHost = _cudaFree

    def _cudaHostGetDevicePointer(self, address: int, flags: int) -> tuple:
        return (address,)

    def _cudaMemcpyAsync(self, to: int, source: int, size: int, kind: int, stream: int) -> None:
        self.enqueue(stream, lambda: ctypes.memmove(to, source, size) and None)

    def _cudaDeviceGetStreamPriorityRange(self) -> tuple:
        return 0, -5

    def _cudaStreamCreateWithPriority(self, flags: int, priority: int) -> tuple:
        handle = next(self._handles)
        self._queues[handle] = []
        return (handle,)

    def _cudaStreamDestroy(self, stream: int) -> None:
        assert not self._queues.pop(stream), 'a stream with work was destroyed'

    def _cudaStreamQuery(self, stream: int) -> None:
        pass

    def _cudaStreamSynchronize(self, stream: int) -> None:
        assert stream not in self._recording, 'a recording stream was waited for'
        while self._queues[stream]:
            self._queues[stream].pop(0)()

    def _cudaEventCreateWithFlags(self, flags: int) -> tuple:
        assert flags & 1, 'an event that spins'
        handle = next(self._handles)
        self._recorded[handle] = []
        return (handle,)

    def _cudaEventDestroy(self, event: int) -> None:
        del self._recorded[event]

    def _cudaEventRecord(self, event: int, stream: int) -> None:
        self._recorded[event] = [lambda: self._cudaStreamSynchronize(stream)]

    def _cudaEventSynchronize(self, event: int) -> None:
        for work in self._recorded[event]:
            work()

    def _cudaStreamBeginCapture(self, stream: int, mode: int) -> None:
        assert mode == 1, 'a capture that disturbs other threads'
        self._recording[stream] = []

    def _cudaStreamEndCapture(self, stream: int) -> tuple:
        handle = next(self._handles)
        self._recorded[handle] = self._recording.pop(stream)
        return (handle,)

    def _cudaGraphDestroy(self, graph: int) -> None:
        del self._recorded[graph]

    def _cudaGraphInstantiateWithFlags(self, graph: int, flags: int) -> tuple:
        handle = next(self._handles)
        self._recorded[handle] = list(self._recorded[graph])
        return (handle,)

    def _cudaGraphExecDestroy(self, graph: int) -> None:
        del self._recorded[graph]

    def _cudaGraphLaunch(self, graph: int, stream: int) -> None:
        self._queues[stream] += self._recorded[graph]
