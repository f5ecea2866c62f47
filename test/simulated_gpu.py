"""A CUDA runtime without a GPU, for `restore_node.engine.cuda.Cuda`.

GPU memory is host memory. A stream's work waits until somebody waits for it, so that code that forgets to
wait reads stale bytes; recorded graphs replay their work. What is lent is counted, any call can be made to
fail.
"""

from __future__ import annotations

import ctypes
import itertools
from collections import Counter
from collections.abc import Callable

from restore_node.engine.cuda_runtime import SIGNATURES, CudaResult

INVALID_VALUE, OUT_OF_MEMORY, NO_DRIVER, NO_DEVICE = 1, 2, 35, 100
NOT_READY, ILLEGAL_ADDRESS, CAPTURE_INVALIDATED = 600, 700, 901
NAMES = {
    INVALID_VALUE: 'cudaErrorInvalidValue',
    OUT_OF_MEMORY: 'cudaErrorMemoryAllocation',
    NO_DRIVER: 'cudaErrorInsufficientDriver',
    NO_DEVICE: 'cudaErrorNoDevice',
    NOT_READY: 'cudaErrorNotReady',
    ILLEGAL_ADDRESS: 'cudaErrorIllegalAddress',
    CAPTURE_INVALIDATED: 'cudaErrorStreamCaptureInvalidated',
}
FREED_BY = {
    'cudaMalloc': 'cudaFree',
    'cudaHostAlloc': 'cudaFreeHost',
    'cudaStreamCreateWithPriority': 'cudaStreamDestroy',
    'cudaEventCreateWithFlags': 'cudaEventDestroy',
    'cudaStreamEndCapture': 'cudaGraphDestroy',
    'cudaGraphInstantiateWithFlags': 'cudaGraphExecDestroy',
}
ALIGNMENT = 256
Work = Callable[[], object]


class SimulatedGpu:
    """Keeps to `cuda_runtime.Runtime`.

    Attributes:
        calls: every call, as `(function, *arguments)`.
        failures: code by function; that function fails from now on.
        live: what was lent and not given back, and the function that takes it.
        attributes: cudaDeviceAttr by number.
        answers: what functions do and return, by their C names.
    """

    def __init__(self, name: str = 'simulated') -> None:
        self.name = name
        self.calls: list[tuple] = []
        self.failures: dict[str, int] = {}
        self.live: dict[int, str] = {}
        self.attributes = {16: 14, 18: 1, 75: 8, 76: 7}
        self._failures_once: dict[tuple[str, int], int] = {}
        self._memory: dict[int, ctypes.Array] = {}
        self._queues: dict[int, list[Work]] = {}
        self._recorded: dict[int, list[Work]] = {}
        self._recording: dict[int, list[Work]] = {}
        self._handles = itertools.count(0x7F00_0000_0000)
        self.answers: dict[str, Callable[..., tuple | None]] = {
            'cudaGetDeviceCount': lambda: (1,),
            'cudaDriverGetVersion': lambda: (12060,),
            'cudaRuntimeGetVersion': lambda: (12020,),
            'cudaMemGetInfo': lambda: (4 << 30, 8 << 30),
            'cudaDeviceGetAttribute': lambda attribute, _: (self.attributes[attribute],),
            'cudaDeviceGetStreamPriorityRange': lambda: (0, -5),
            'cudaMalloc': self._allocate,
            'cudaHostAlloc': self._allocate,
            'cudaHostGetDevicePointer': lambda address, _: (address,),
            'cudaFree': self._memory.pop,
            'cudaFreeHost': self._memory.pop,
            'cudaMemcpyAsync': self._copy,
            'cudaStreamCreateWithPriority': self._create_stream,
            'cudaStreamSynchronize': self._finish,
            'cudaStreamDestroy': self._destroy_stream,
            'cudaEventCreateWithFlags': self._create_event,
            'cudaEventRecord': self._record_event,
            'cudaEventSynchronize': lambda event: [work() for work in self._recorded[event]],
            'cudaStreamBeginCapture': self._begin_capture,
            'cudaStreamEndCapture': lambda stream: self._keep(self._recording.pop(stream)),
            'cudaGraphInstantiateWithFlags': lambda graph, _: self._keep(self._recorded[graph]),
            'cudaGraphLaunch': lambda graph, stream: self._queues[stream].extend(self._recorded[graph]),
        }

    def fail(self, function: str, code: int, nth: int = 1) -> None:
        """Let only the nth call of a function, counted from here on, fail."""
        self._failures_once[function, self.count(function) + nth] = code

    def names(self) -> list[str]:
        """The functions that were called, in order."""
        return [call[0] for call in self.calls]

    def count(self, function: str) -> int:
        """How often a function was called."""
        return self.names().count(function)

    def leaks(self) -> Counter[str]:
        """What is still lent, by the function that takes it."""
        return Counter(self.live.values())

    def call(self, function: str, *arguments: int) -> CudaResult:
        inputs = [kind for kind in SIGNATURES[function] if not hasattr(kind, 'contents')]
        assert len(arguments) == len(inputs), f'{function}{arguments}'
        self.calls.append((function, *arguments))
        code = self.failures.get(function) or self._failures_once.get((function, self.count(function)), 0)
        if function in FREED_BY.values() and not code:
            code = 0 if self.live.pop(arguments[0], None) == function else INVALID_VALUE
        if code:
            if function == 'cudaStreamEndCapture':
                self._recording.pop(arguments[0], None)
            return CudaResult(code)
        values = self.answers.get(function, lambda *_: None)(*arguments)
        values = values if isinstance(values, tuple) else ()
        if function in FREED_BY:
            self.live[values[0]] = FREED_BY[function]
        return CudaResult(0, values)

    def describe(self, code: int) -> tuple[str, str]:
        return NAMES[code], f'text of {code}'

    def device_name(self, device: int) -> CudaResult:
        self.calls.append(('cudaGetDeviceProperties', device))
        return CudaResult(0, ('Simulated Orin',))

    # For the doubles of TensorRT.

    def is_recording(self, stream: int) -> bool:
        return stream in self._recording

    def enqueue(self, stream: int, work: Work) -> None:
        (self._recording if stream in self._recording else self._queues)[stream].append(work)

    def is_mapped(self, address: int) -> bool:
        return address in self._memory

    # What functions do.

    def _allocate(self, size: int, flags: int = 0) -> tuple[int]:
        memory = (ctypes.c_uint8 * (size + ALIGNMENT))()
        address = -(-ctypes.addressof(memory) // ALIGNMENT) * ALIGNMENT
        self._memory[address] = memory
        return (address,)

    def _copy(self, to: int, source: int, size: int, kind: int, stream: int) -> None:
        self.enqueue(stream, lambda: ctypes.memmove(to, source, size))

    def _create_stream(self, flags: int, priority: int) -> tuple[int]:
        handle = next(self._handles)
        self._queues[handle] = []
        return (handle,)

    def _finish(self, stream: int) -> None:
        assert stream not in self._recording, 'a recording stream was waited for'
        while self._queues[stream]:
            self._queues[stream].pop(0)()

    def _destroy_stream(self, stream: int) -> None:
        assert not self._queues.pop(stream), 'a stream with work was destroyed'

    def _create_event(self, flags: int) -> tuple[int]:
        assert flags & 1, 'an event that spins'
        return self._keep([])

    def _record_event(self, event: int, stream: int) -> None:
        self._recorded[event] = [lambda: self._finish(stream)]

    def _begin_capture(self, stream: int, mode: int) -> None:
        assert mode == 1, 'a capture that disturbs other threads'
        self._recording[stream] = []

    def _keep(self, work: list[Work]) -> tuple[int]:
        handle = next(self._handles)
        self._recorded[handle] = list(work)
        return (handle,)
