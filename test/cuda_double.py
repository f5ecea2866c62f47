"""A CUDA runtime of host memory: it does as it is told, writes it down, and fails where a test says so."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable

from restore_node.engine.cuda_runtime import SIGNATURES, CudaResult

SUCCESS, INVALID_VALUE, OUT_OF_MEMORY, NO_DRIVER, NO_DEVICE = 0, 1, 2, 35, 100
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
ATTRIBUTES = {16: 14, 18: 1, 75: 8, 76: 7}
ALIGNMENT = 256


class RecordingRuntime:
    """Keeps to `cuda_runtime.Runtime`.

    Attributes:
        calls: every call, as `(function, *arguments)`.
        live: what was lent and not given back, and the function that takes it.
    """

    name = 'recording'

    def __init__(self) -> None:
        self.calls: list[tuple] = []
        self.live: dict[int, str] = {}
        self._failures: dict[tuple[str, int], int] = {}
        self._memory: dict[int, ctypes.Array] = {}
        self._recording: dict[int, list[Callable[[], object]]] = {}
        self._graphs: dict[int, list[Callable[[], object]]] = {}
        self._handles = itertools.count(0x7F00_0000_0000)
        self._answers: dict[str, Callable[..., tuple]] = {
            'cudaGetDeviceCount': lambda: (1,),
            'cudaDriverGetVersion': lambda: (12060,),
            'cudaRuntimeGetVersion': lambda: (12020,),
            'cudaMemGetInfo': lambda: (4 << 30, 8 << 30),
            'cudaDeviceGetAttribute': lambda attribute, _: (ATTRIBUTES[attribute],),
            'cudaDeviceGetStreamPriorityRange': lambda: (0, -5),
            'cudaMalloc': self._allocate,
            'cudaHostAlloc': self._allocate,
            'cudaHostGetDevicePointer': lambda address, _: (address,),
            'cudaMemcpyAsync': self._copy,
            'cudaStreamCreateWithPriority': self._new_handle,
            'cudaEventCreateWithFlags': self._new_handle,
            'cudaStreamBeginCapture': self._begin_capture,
            'cudaStreamEndCapture': self._end_capture,
            'cudaGraphInstantiateWithFlags': self._instantiate,
            'cudaGraphLaunch': self._launch,
        }

    def fail(self, function: str, code: int, nth: int = 1) -> None:
        """Let the nth call of a function, counted from here on, fail."""
        self._failures[function, self.names().count(function) + nth] = code

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def call(self, function: str, *arguments: int) -> CudaResult:
        inputs = [kind for kind in SIGNATURES[function] if not hasattr(kind, 'contents')]
        assert len(arguments) == len(inputs), f'{function}{arguments}'
        self.calls.append((function, *arguments))
        code = self._failures.get((function, self.names().count(function)), SUCCESS)
        if code:
            return CudaResult(code)
        if function in FREED_BY.values():
            if self.live.pop(arguments[0], None) != function:
                return CudaResult(INVALID_VALUE)
            self._memory.pop(arguments[0], None)
            return CudaResult(SUCCESS)
        values = self._answers.get(function, lambda *_: ())(*arguments)
        if function in FREED_BY:
            self.live[values[0]] = FREED_BY[function]
        return CudaResult(SUCCESS, values)

    def describe(self, code: int) -> tuple[str, str]:
        return NAMES[code], f'text of {code}'

    def device_name(self, device: int) -> CudaResult:
        self.calls.append(('cudaGetDeviceProperties', device))
        return CudaResult(SUCCESS, ('Orin',))

    def _allocate(self, size: int, flags: int = 0) -> tuple[int]:
        memory = (ctypes.c_uint8 * (size + ALIGNMENT))()
        address = -(-ctypes.addressof(memory) // ALIGNMENT) * ALIGNMENT
        self._memory[address] = memory
        return (address,)

    def _copy(self, to: int, source: int, size: int, kind: int, stream: int) -> tuple[()]:
        self._do(stream, lambda: ctypes.memmove(to, source, size))
        return ()

    def _new_handle(self, *_: int) -> tuple[int]:
        return (next(self._handles),)

    def _begin_capture(self, stream: int, mode: int) -> tuple[()]:
        self._recording[stream] = []
        return ()

    def _end_capture(self, stream: int) -> tuple[int]:
        graph = next(self._handles)
        self._graphs[graph] = self._recording.pop(stream)
        return (graph,)

    def _instantiate(self, graph: int, flags: int) -> tuple[int]:
        executable = next(self._handles)
        self._graphs[executable] = self._graphs[graph]
        return (executable,)

    def _launch(self, executable: int, stream: int) -> tuple[()]:
        for work in self._graphs[executable]:
            self._do(stream, work)
        return ()

    def _do(self, stream: int, work: Callable[[], object]) -> None:
        if stream in self._recording:
            self._recording[stream].append(work)
        else:
            work()
