"""Calls of the CUDA runtime, every return code checked, and the latch behind errors that nothing mends.

After a *sticky* error (an illegal address, a lost GPU) CUDA answers nothing else until the process ends. It
sets the latch: from then on every call raises `CudaLostError` without touching CUDA, in all threads and by
whichever runtime.
"""

from __future__ import annotations

from typing import Any

from restore_node.common.errors import EngineError
from restore_node.engine.cuda_runtime import CudaResult, Runtime

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


class CheckedCalls:
    """A runtime whose failures are exceptions."""

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

    def device_name(self) -> str:
        """Name of the GPU; raises as `call` does."""
        refuse_if_lost('cudaGetDeviceProperties')
        return str(self._checked('cudaGetDeviceProperties', self.runtime.device_name(0))[0])

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
