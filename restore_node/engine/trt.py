"""The TensorRT library: imported when it is asked for, its log, its progress, and its failures as errors.

The only file that imports tensorrt. Enumerations were renumbered between versions 10 and 11, so nothing here
knows their integers; what a version lacks is found by `hasattr`.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from restore_node.common.errors import EngineError, UnavailableError
from restore_node.engine.cuda import Cuda

#: Where TensorRT's own lines go.
LOG = logging.getLogger('restore_node.tensorrt')
#: Older ones lack calls that the backend makes.
OLDEST = (10, 0)

_LEVELS = {
    'INTERNAL_ERROR': logging.ERROR,
    'ERROR': logging.ERROR,
    'WARNING': logging.WARNING,
    'INFO': logging.INFO,
    'VERBOSE': logging.DEBUG,
}


class BuildProgress:
    """Turns nested phases into one percentage of the outermost phase at work.

    TensorRT does not say how many outermost phases there will be, so each one counts from 0 to 100 under its
    own name; within one the percentage never falls. May be called from several threads.

    Args:
        report: called with the outermost phase's name and its percentage, 0..100, once per whole percent.
    """

    def __init__(self, report: Callable[[str, float], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}
        self._shown: dict[str, int] = {}

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Enter a phase of so many steps, inside `parent` if there is one."""
        with self._lock:
            self._phases[name] = _Phase(parent, max(1, steps))
            self._tell(name)

    def step(self, name: str, step: int) -> None:
        """Count a step of a phase, by its index from 0."""
        with self._lock:
            if name in self._phases:
                self._phases[name].done = step + 1
                self._tell(name)

    def finish(self, name: str) -> None:
        """Leave a phase."""
        with self._lock:
            if name in self._phases:
                self._phases[name].done = self._phases[name].steps
                self._tell(name)
                del self._phases[name]
                self._shown.pop(name, None)

    def _tell(self, name: str) -> None:
        outermost = self._outermost(name)
        percent = int(100 * self._fraction(outermost))
        if percent > self._shown.get(outermost, -1):
            self._shown[outermost] = percent
            self._report(outermost, float(percent))

    def _outermost(self, name: str) -> str:
        parent = self._phases[name].parent
        return self._outermost(parent) if parent in self._phases else name

    def _fraction(self, name: str) -> float:
        phase = self._phases[name]
        inner = [self._fraction(child) for child, its in self._phases.items() if its.parent == name]
        part = sum(inner) / len(inner) if inner else 0.0
        return min(1.0, (phase.done + part) / phase.steps)


@dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class TensorRTMissingError(EngineError, UnavailableError):
    """No TensorRT here."""


class TensorRT:
    """The imported library with a logger of ours.

    Attributes:
        module: the `tensorrt` module.
        version: all its parts, such as `10.3.0` or `11.4.0.106`.
        number: the same as integers.
        logger: an ILogger that passes lines on to `LOG`.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.version = str(module.__version__)
        self.number = tuple(int(part) for part in re.findall(r'\d+', self.version)[:4])
        self.logger = _make_logger(module)

    def call(self, what: str, function: Callable[..., Any], *arguments: Any, fix: str = '') -> Any:
        """Call a method of TensorRT that answers with an object or True.

        Raises:
            EngineError: it returned None or False or raised; says `what` failed, what TensorRT's log says,
                and the `fix`.
        """
        with self.failures(what, fix):
            result = function(*arguments)
        if result is None or result is False:
            raise self.failure(what, fix=fix)
        return result

    @contextmanager
    def failures(self, what: str, fix: str = '') -> Iterator[None]:
        """Turn what TensorRT's bindings raise inside the block into an EngineError."""
        self.logger.last_error = ''
        try:
            yield
        except (TypeError, RuntimeError, ValueError, MemoryError) as error:
            raise self.failure(what, error, fix) from error

    def failure(self, what: str, seen: object = None, fix: str = '') -> EngineError:
        """Return an error that carries the last error of TensorRT's log, else `seen`."""
        return EngineError(what, seen=self.logger.last_error or seen or 'no reason in its log', fix=fix)

    def progress_monitor(self, progress: BuildProgress) -> Any:
        """Return an IProgressMonitor that tells `progress`."""

        class Monitor(self.module.IProgressMonitor):  # type: ignore[misc, name-defined]
            def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
                progress.start(phase_name, parent_phase, num_steps)

            def step_complete(self, phase_name: str, step: int) -> bool:
                progress.step(phase_name, step)
                return True  # False would cancel the build

            def phase_finish(self, phase_name: str) -> None:
                progress.finish(phase_name)

        return Monitor()


def load_tensorrt(cuda: Cuda) -> TensorRT:
    """Import TensorRT, once per process.

    An open GPU is the proof that there is a driver: without one TensorRT's runtime does not raise, it crashes
    the process.

    Raises:
        UnavailableError: it cannot be imported, or is too old.
        CudaLostError: an earlier error was sticky.
    """
    cuda.call('cudaGetDeviceCount')
    return _load()


@lru_cache(maxsize=1)  # TensorRT keeps the first logger it is given for as long as the process lives
def _load() -> TensorRT:
    try:
        import tensorrt
    except (ImportError, OSError) as error:
        raise TensorRTMissingError(
            'TensorRT cannot be imported',
            seen=error,
            fix='on a Jetson: apt install nvidia-jetpack; elsewhere: pip install tensorrt (docs/install.md)',
        ) from error
    library = TensorRT(tensorrt)
    if library.number < OLDEST:
        raise UnavailableError(
            'TensorRT is too old', seen=library.version, wanted='10.0 or newer', fix='JetPack 6 has 10.3'
        )
    return library


def _make_logger(trt: Any) -> Any:
    class Relay(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last_error = ''

        def log(self, severity: Any, msg: str) -> None:
            level = _LEVELS.get(severity.name, logging.INFO)
            if level == logging.ERROR:
                self.last_error = msg
            LOG.log(level, '%s', msg)

    return Relay()
