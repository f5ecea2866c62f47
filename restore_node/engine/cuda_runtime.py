"""The two ways to the CUDA runtime: NVIDIA's Python bindings, or the system's libcudart through ctypes.

Both have one shape: a function by its C name, numbers in, an error code and numbers out. Nothing is judged
here (`cuda.py` does that), and nothing is loaded before a runtime is made.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, c_int, c_size_t, c_uint, c_ulonglong, c_void_p
from functools import partial
from typing import Any, NamedTuple, Protocol


class CudaResult(NamedTuple):
    """What one call came to.

    Attributes:
        code: a `cudaError_t`; 0 is success.
        values: its results in the order of the C arguments; none after a failure.
    """

    code: int
    values: tuple[Any, ...] = ()


class Runtime(Protocol):
    """A CUDA runtime; `CudaPython`, `CudaLibrary` and the simulated GPU of the tests."""

    name: str

    def call(self, function: str, *arguments: int) -> CudaResult:
        """Call a function of `SIGNATURES`; handles, addresses and enumerations are plain numbers."""

    def describe(self, code: int) -> tuple[str, str]:
        """Name of an error such as `cudaErrorNoDevice`, and NVIDIA's words for it."""

    def device_name(self, device: int) -> CudaResult:
        """The GPU's name as the only value, such as `Orin`."""


#: C arguments of every function in use; a pointer type is a place for a result.
SIGNATURES: dict[str, tuple[Any, ...]] = {
    'cudaDriverGetVersion': (POINTER(c_int),),
    'cudaRuntimeGetVersion': (POINTER(c_int),),
    'cudaGetDeviceCount': (POINTER(c_int),),
    'cudaSetDevice': (c_int,),
    'cudaDeviceGetAttribute': (POINTER(c_int), c_int, c_int),
    'cudaMemGetInfo': (POINTER(c_size_t), POINTER(c_size_t)),
    'cudaGetLastError': (),
    'cudaMalloc': (POINTER(c_void_p), c_size_t),
    'cudaFree': (c_void_p,),
    'cudaHostAlloc': (POINTER(c_void_p), c_size_t, c_uint),
    'cudaHostGetDevicePointer': (POINTER(c_void_p), c_void_p, c_uint),
    'cudaFreeHost': (c_void_p,),
    'cudaMemcpyAsync': (c_void_p, c_void_p, c_size_t, c_int, c_void_p),
    'cudaDeviceGetStreamPriorityRange': (POINTER(c_int), POINTER(c_int)),
    'cudaStreamCreateWithPriority': (POINTER(c_void_p), c_uint, c_int),
    'cudaStreamQuery': (c_void_p,),
    'cudaStreamSynchronize': (c_void_p,),
    'cudaStreamDestroy': (c_void_p,),
    'cudaEventCreateWithFlags': (POINTER(c_void_p), c_uint),
    'cudaEventRecord': (c_void_p, c_void_p),
    'cudaEventSynchronize': (c_void_p,),
    'cudaEventDestroy': (c_void_p,),
    'cudaStreamBeginCapture': (c_void_p, c_int),
    'cudaStreamEndCapture': (c_void_p, POINTER(c_void_p)),
    # The shape of cudaGraphInstantiate changed with CUDA 12; this one is the same from 11.4 on.
    'cudaGraphInstantiateWithFlags': (POINTER(c_void_p), c_void_p, c_ulonglong),
    'cudaGraphLaunch': (c_void_p, c_void_p),
    'cudaGraphExecDestroy': (c_void_p,),
    'cudaGraphDestroy': (c_void_p,),
}

#: Oldest first: an older runtime works on a newer driver, not the other way round.
LIBRARIES = ('libcudart.so.11.0', 'libcudart.so.12', 'libcudart.so.13')

# NVIDIA fixes only that the name comes first in cudaDeviceProp; the whole has stayed below 1100 bytes.
_NAME_BYTES, _PROPERTIES_BYTES = 256, 8192


class CudaPython:
    """NVIDIA's `cuda-bindings`, from 12.9.1.

    Older ones keep Python's interpreter lock during a call, so that one hung inference would stop the whole
    node. They also lack `get_cuda_native_handle`, which tells them apart.

    Raises:
        ImportError: not installed, or older.
    """

    def __init__(self) -> None:
        import cuda.bindings
        from cuda.bindings import runtime
        from cuda.bindings.utils import get_cuda_native_handle

        self.name = f'cuda-bindings {cuda.bindings.__version__}'
        self._runtime, self._number_of = runtime, get_cuda_native_handle
        # These take members of enumerations where the C functions take numbers; by position.
        self._enumerations: dict[str, dict[int, Callable[[int], Any]]] = {
            'cudaDeviceGetAttribute': {0: runtime.cudaDeviceAttr},
            'cudaMemcpyAsync': {3: runtime.cudaMemcpyKind},
            'cudaStreamBeginCapture': {1: runtime.cudaStreamCaptureMode},
        }

    def call(self, function: str, *arguments: int) -> CudaResult:
        """As `Runtime.call`."""
        given: list[Any] = list(arguments)
        for position, enumeration in self._enumerations.get(function, {}).items():
            given[position] = enumeration(given[position])
        code, *values = getattr(self._runtime, function)(*given)
        if int(code):
            return CudaResult(int(code))
        return CudaResult(0, tuple(v if isinstance(v, (int, float)) else self._number_of(v) for v in values))

    def describe(self, code: int) -> tuple[str, str]:
        """As `Runtime.describe`."""
        try:
            error = self._runtime.cudaError_t(code)
        except ValueError:  # a driver newer than these bindings
            return f'cudaError {code}', 'unknown to these bindings'
        return error.name, self._runtime.cudaGetErrorString(error)[1].decode()

    def device_name(self, device: int) -> CudaResult:
        """As `Runtime.device_name`."""
        code, properties = self._runtime.cudaGetDeviceProperties(device)
        return CudaResult(int(code)) if int(code) else CudaResult(0, (_text(properties.name),))


class CudaLibrary:
    """The system's libcudart, as JetPack installs it, by its name or path.

    Raises:
        ImportError: it cannot be loaded, or is older than CUDA 11.4.
    """

    def __init__(self, library: str) -> None:
        self.name = library
        try:
            loaded = ctypes.CDLL(library)
            self._functions = {name: _declared(loaded, name, *kinds) for name, kinds in SIGNATURES.items()}
            self._properties = _declared(loaded, 'cudaGetDeviceProperties', c_void_p, c_int)
            self._error_name = _declared(loaded, 'cudaGetErrorName', c_int, result=ctypes.c_char_p)
            self._error_text = _declared(loaded, 'cudaGetErrorString', c_int, result=ctypes.c_char_p)
        except (OSError, AttributeError) as error:  # no such library, no such function
            raise ImportError(str(error)) from error

    def call(self, function: str, *arguments: int) -> CudaResult:
        """As `Runtime.call`."""
        given = iter(arguments)
        results: list[Any] = []
        passed: list[Any] = []
        for kind in SIGNATURES[function]:
            if hasattr(kind, 'contents'):  # a pointer type
                results.append(kind._type_())
                passed.append(ctypes.byref(results[-1]))
            else:
                passed.append(next(given))
        code = self._functions[function](*passed)
        # ctypes turns a null pointer into None.
        return CudaResult(code, () if code else tuple(result.value or 0 for result in results))

    def describe(self, code: int) -> tuple[str, str]:
        """As `Runtime.describe`."""
        return _text(self._error_name(code)), _text(self._error_text(code))

    def device_name(self, device: int) -> CudaResult:
        """As `Runtime.device_name`."""
        properties = ctypes.create_string_buffer(_PROPERTIES_BYTES)
        code = self._properties(ctypes.addressof(properties), device)
        return CudaResult(code, () if code else (_text(properties.raw[:_NAME_BYTES]),))


def candidates() -> list[Callable[[], Runtime]]:
    """Where to look for a runtime, best first; each raises ImportError if there is none."""
    return [CudaPython, *(partial(CudaLibrary, name) for name in LIBRARIES)]


def _declared(library: ctypes.CDLL, name: str, *arguments: Any, result: Any = c_int) -> Any:
    function = getattr(library, name)
    function.argtypes, function.restype = arguments, result
    return function


def _text(name: bytes | None) -> str:
    return (name or b'').split(b'\0')[0].decode(errors='replace')
