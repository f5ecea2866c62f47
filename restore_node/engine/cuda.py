"""One GPU: what it is, and memory, streams, events and graphs on it. Nothing else in the package calls CUDA.

It is the first GPU that CUDA shows; `CUDA_VISIBLE_DEVICES` chooses another. Usage::

    with open_cuda() as cuda:
        host, device, stream = cuda.host_buffer(n), cuda.device_buffer(n), cuda.stream()
        host.array[:] = 255
        stream.copy_in(device, host)
        stream.synchronize()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from restore_node.common.errors import EngineError, UnavailableError
from restore_node.engine.cuda_calls import (
    CheckedCalls,
    CudaError,
    CudaLostError,
    CudaOutOfMemoryError,
    cuda_lost,
    refuse_if_lost,
)
from restore_node.engine.cuda_resources import DeviceBuffer, Event, Graph, HostBuffer, Resource, Stream
from restore_node.engine.cuda_runtime import Runtime, candidates

__all__ = [
    'Cuda',
    'CudaError',
    'CudaLostError',
    'CudaMissingError',
    'CudaOutOfMemoryError',
    'DeviceBuffer',
    'Event',
    'GpuFacts',
    'Graph',
    'HostBuffer',
    'Stream',
    'cuda_lost',
    'open_cuda',
]

# Members of cudaDeviceAttr, the same in every version.
_SM_COUNT, _INTEGRATED, _MAJOR, _MINOR = 16, 18, 75, 76

AnyResource = TypeVar('AnyResource', bound=Resource)


class CudaMissingError(EngineError, UnavailableError):
    """No CUDA here: no driver, no GPU, no runtime, or versions that do not fit together."""


@dataclass(frozen=True)
class GpuFacts:
    """The GPU and its software, as far as an engine depends on them.

    Attributes:
        name: such as `Orin`.
        capability: compute capability, such as `8.7`.
        sm_count: multiprocessors; boards of one capability differ in it.
        memory_bytes: total; the host's own memory where `integrated`.
        integrated: whether GPU and CPU share their memory, as on Jetson.
        driver_version: newest CUDA that the driver serves, such as `12.6`.
        runtime_version: CUDA of the runtime in use, such as `12.6`.
    """

    name: str
    capability: str
    sm_count: int
    memory_bytes: int
    integrated: bool
    driver_version: str
    runtime_version: str


class Cuda(CheckedCalls):
    """One GPU through one runtime; `close`, or leaving its `with` block, frees what it lent, newest first."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._lent: list[Resource] = []

    def facts(self) -> GpuFacts:
        """What this GPU is; raises CudaError."""
        return GpuFacts(
            name=self.device_name(),
            capability=f'{self._attribute(_MAJOR)}.{self._attribute(_MINOR)}',
            sm_count=self._attribute(_SM_COUNT),
            memory_bytes=self.call('cudaMemGetInfo')[1],
            integrated=bool(self._attribute(_INTEGRATED)),
            driver_version=_version(self.call('cudaDriverGetVersion')[0]),
            runtime_version=_version(self.call('cudaRuntimeGetVersion')[0]),
        )

    def free_bytes(self) -> int:
        """GPU memory that nobody uses; raises CudaError."""
        return int(self.call('cudaMemGetInfo')[0])

    def host_buffer(self, size: int, *, mapped: bool = False) -> HostBuffer:
        """Pinned host memory of `size` bytes, which the GPU can address if `mapped`; raises CudaError."""
        return self._lend(HostBuffer(self, size, mapped))

    def device_buffer(self, size: int) -> DeviceBuffer:
        """GPU memory of `size` bytes; raises CudaError."""
        return self._lend(DeviceBuffer(self, size))

    def stream(self) -> Stream:
        """A stream of its own; raises CudaError."""
        return self._lend(Stream(self))

    def event(self, *, timing: bool = False) -> Event:
        """An event to wait for, or with `timing` to measure by; raises CudaError."""
        return self._lend(Event(self, timing))

    def graph(self, stream: Stream, enqueue: Callable[[], None]) -> Graph:
        """Record what `enqueue` puts into the stream; raises as `Graph` does."""
        return self._lend(Graph(self, stream, enqueue))

    def close(self) -> None:
        """Free what is still open; closing twice is harmless.

        Raises:
            CudaError: the first that CUDA had against it, once everything has been tried.
        """
        failure = None
        while self._lent:
            try:
                self._lent.pop().close()
            except CudaError as error:
                failure = failure or error
        if failure:
            raise failure

    def __enter__(self) -> Cuda:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lend(self, resource: AnyResource) -> AnyResource:
        self._lent = [*(lent for lent in self._lent if lent.is_open), resource]
        return resource

    def _attribute(self, attribute: int) -> int:
        return int(self.call('cudaDeviceGetAttribute', attribute, 0)[0])


def open_cuda() -> Cuda:
    """Find a runtime that works with this machine's driver, and start CUDA on the first GPU.

    Nothing of TensorRT may be touched before this has succeeded: without a driver it crashes the process.

    Raises:
        CudaMissingError: there is none; says of each runtime why.
        CudaLostError: a sticky error came earlier in this process.
        CudaError: the GPU is there and refuses.
    """
    refuse_if_lost('opening CUDA')
    faults = []
    for load in candidates():
        try:
            runtime = load()
        except ImportError as error:
            faults.append(str(error))
            continue
        fault = _fault_of(runtime)
        if not fault:
            cuda = Cuda(runtime)
            cuda.call('cudaSetDevice', 0)
            return cuda
        faults.append(f'{runtime.name}: {fault}')
    raise CudaMissingError(
        'CUDA is not available',
        seen='; '.join(faults),
        fix='install the NVIDIA driver, and cuda-bindings (pip) or libcudart (JetPack, CUDA toolkit)',
    )


def _fault_of(runtime: Runtime) -> str:
    """Why this runtime finds no GPU; empty if it does."""
    code, count = runtime.call('cudaGetDeviceCount')
    if code == 0:
        return '' if count[0] else 'no GPU'
    name, text = runtime.describe(code)
    driver, version = (
        outcome.values[0] if outcome.code == 0 else 0
        for outcome in map(runtime.call, ('cudaDriverGetVersion', 'cudaRuntimeGetVersion'))
    )
    if name == 'cudaErrorInsufficientDriver' and driver:
        return f'the NVIDIA driver serves CUDA {_version(driver)}, this runtime is CUDA {_version(version)}'
    return {
        'cudaErrorInsufficientDriver': 'no NVIDIA driver',
        'cudaErrorNoDevice': 'no GPU',
    }.get(name, f'{name} ({text})')


def _version(number: int) -> str:
    """CUDA's 12060 as 12.6."""
    return f'{number // 1000}.{number % 1000 // 10}'
