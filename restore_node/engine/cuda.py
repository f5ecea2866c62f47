"""One GPU through the CUDA runtime: every return code is checked, and a latch holds what nothing mends.

It is the first GPU that CUDA shows; `CUDA_VISIBLE_DEVICES` chooses another. Usage::

    cuda = open_cuda()
    with HostBuffer(cuda, n) as host, DeviceBuffer(cuda, n) as device, Stream(cuda) as stream:
        host.array[:] = 255
        stream.copy_in(device, host)
        stream.synchronize()

After a *sticky* error (an illegal address, a lost GPU) CUDA answers nothing else until the process ends. It
sets the latch: from then on every call raises `CudaLostError` without touching CUDA, in all threads and by
whichever runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from restore_node.common.errors import EngineError, UnavailableError
from restore_node.engine.cuda_runtime import CudaResult, Runtime, candidates

# Members of cudaDeviceAttr and cudaError_t, the same in every version.
_SM_COUNT, _INTEGRATED, _MAJOR, _MINOR = 16, 18, 75, 76
_NOT_READY = 600

#: Errors after which NVIDIA's documentation wants the process ended, and those of a broken or lost GPU.
STICKY = frozenset(
    [
        'cudaErrorAssert',
        'cudaErrorContextIsDestroyed',
        'cudaErrorContained',
        'cudaErrorCudartUnloading',
        'cudaErrorECCUncorrectable',
        'cudaErrorExternalDevice',
        'cudaErrorHardwareStackError',
        'cudaErrorIllegalAddress',
        'cudaErrorIllegalInstruction',
        'cudaErrorInvalidAddressSpace',
        'cudaErrorInvalidPc',
        'cudaErrorLaunchFailure',
        'cudaErrorLaunchTimeout',
        'cudaErrorMisalignedAddress',
        'cudaErrorMpsClientTerminated',
        'cudaErrorNvlinkUncorrectable',
        'cudaErrorTensorMemoryLeak',
        'cudaErrorUnknown',
    ]
)


class CudaMissingError(EngineError, UnavailableError):
    """No CUDA here: no driver, no GPU, no runtime, or versions that do not fit together."""


class CudaError(EngineError):
    """A CUDA call that failed.

    Attributes:
        call: the C function.
        name: CUDA's name of the error, such as `cudaErrorInvalidValue`.
        sticky: whether this process must leave CUDA alone from now on.
    """

    def __init__(self, call: str, name: str, text: str, fix: str = '') -> None:
        super().__init__(f'{call} failed', seen=f'{name} ({text})', fix=fix)
        self.call, self.name, self.sticky = call, name, name in STICKY


class CudaOutOfMemoryError(CudaError):
    """The memory of the GPU, or what the host can pin, is used up; the process can go on."""


class CudaLostError(CudaError):
    """CUDA was lost to an earlier sticky error, and has not been touched again."""


_lost: CudaError | None = None


def cuda_lost() -> CudaError | None:
    """The sticky error that ended CUDA for this process, or None."""
    return _lost


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


class Cuda:
    """One GPU through one runtime, whose failures are exceptions."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def call(self, function: str, *arguments: int) -> tuple[Any, ...]:
        """Call one function of `cuda_runtime.SIGNATURES`.

        Returns:
            Its results, as `CudaResult.values`.

        Raises:
            CudaOutOfMemoryError: no memory.
            CudaLostError: an earlier error was sticky.
            CudaError: anything else that CUDA reports.
        """
        refuse_if_lost(function)
        return self._checked(function, self.runtime.call(function, *arguments))

    def is_done(self, function: str, handle: int) -> bool:
        """Ask a query function, for which unfinished work is no error; raises as `call` does."""
        refuse_if_lost(function)
        outcome = self.runtime.call(function, handle)
        if outcome.code == _NOT_READY:
            return False
        self._checked(function, outcome)
        return True

    def facts(self) -> GpuFacts:
        """What this GPU is; raises as `call` does."""
        refuse_if_lost('cudaGetDeviceProperties')
        return GpuFacts(
            name=str(self._checked('cudaGetDeviceProperties', self.runtime.device_name(0))[0]),
            capability=f'{self._attribute(_MAJOR)}.{self._attribute(_MINOR)}',
            sm_count=self._attribute(_SM_COUNT),
            memory_bytes=self.call('cudaMemGetInfo')[1],
            integrated=bool(self._attribute(_INTEGRATED)),
            driver_version=_version(self.call('cudaDriverGetVersion')[0]),
            runtime_version=_version(self.call('cudaRuntimeGetVersion')[0]),
        )

    def free_bytes(self) -> int:
        """GPU memory that nobody uses; raises as `call` does."""
        return int(self.call('cudaMemGetInfo')[0])

    def _attribute(self, attribute: int) -> int:
        return int(self.call('cudaDeviceGetAttribute', attribute, 0)[0])

    def _checked(self, function: str, outcome: CudaResult) -> tuple[Any, ...]:
        global _lost
        if outcome.code == 0:
            return outcome.values
        name, text = self.runtime.describe(outcome.code)
        if name in STICKY:
            fix = 'restart this process; if it comes back, look for NVIDIA Xid lines in dmesg'
            _lost = CudaError(function, name, text, fix)
            raise _lost
        # The runtime would keep it as its last error, where the next user of the library finds it.
        self.runtime.call('cudaGetLastError')
        if name == 'cudaErrorMemoryAllocation':
            fix = 'stop other users of the GPU, or restore smaller images'
            raise CudaOutOfMemoryError(function, name, text, fix)
        raise CudaError(function, name, text)


def refuse_if_lost(function: str) -> None:
    """Raise CudaLostError, which names `function`, if CUDA is lost to this process."""
    if _lost:
        cause = f'after {_lost.call} failed'
        raise CudaLostError(function, _lost.name, cause, 'restart this process') from _lost


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
