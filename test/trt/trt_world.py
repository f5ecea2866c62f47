"""Doubles of TensorRT's native objects: their "plans" hold the graph, and ONNX Runtime runs them.

Each has the name of the real class, shows only what the real class of the version under test has, takes only
what the real one takes, and fails as the real one does: None, False, TypeError, RuntimeError, with a line in
the log. Enumerations, Dims, loggers and monitors are real. They use memory and streams of a `SimulatedGpu`.
"""

from __future__ import annotations

from typing import Any

from bindings import has
from simulated_gpu import SimulatedGpu

MAGIC = b'a plan of the doubles\n'
TIMINGS = b'timings of '


class World:
    """What all doubles share.

    Attributes:
        trt: the true bindings.
        gpu: the GPU.
        faults: what to answer by `Class.method` or `Class`, in place of the double: a value, or an exception.
        reason: the line that TensorRT logs when it fails.
        calls: every method called, as `Class.method`.
        damage: added to every restored value, as a miscompiled engine would.
    """

    def __init__(self, trt: Any, gpu: SimulatedGpu) -> None:
        self.trt, self.gpu = trt, gpu
        self.faults: dict[str, Any] = {}
        self.reason = 'Error Code 2: as the test wants it'
        self.calls: list[str] = []
        self.damage = 0
        self.config: Any = None
        self.network: Any = None
        self.logger: Any = None

    def log(self, line: str, severity: str = 'ERROR') -> None:
        if self.logger:
            self.logger.log(getattr(self.trt.ILogger.Severity, severity), line)

    def answer(self, name: str) -> Any:
        """The injected fault; raises it if it is an exception."""
        self.log(self.reason)
        fault = self.faults[name]
        if isinstance(fault, Exception):
            raise fault
        return fault


class Double:
    """Base of the doubles."""

    world: World

    def __getattribute__(self, name: str) -> Any:
        if name.startswith('_') or name == 'world':
            return super().__getattribute__(name)
        kind = type(self).__name__
        if not has(getattr(self.world.trt, f'_real_{kind}'), name):
            raise AttributeError(f'{kind} of TensorRT {self.world.trt.__version__} has no {name}')
        self.world.calls.append(f'{kind}.{name}')
        if f'{kind}.{name}' in self.world.faults:
            return lambda *arguments: self.world.answer(f'{kind}.{name}')
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: object) -> None:
        kind = type(self).__name__
        if not name.startswith('_') and not has(getattr(self.world.trt, f'_real_{kind}'), name):
            raise AttributeError(f'{kind} of TensorRT {self.world.trt.__version__} has no {name}')
        super().__setattr__(name, value)


class Made(Double):
    """Made by its constructor, which the real one answers with TypeError where its factory fails."""

    def __init__(self, logger: Any) -> None:
        if not isinstance(logger, self.world.trt.ILogger):
            raise TypeError('__init__(): incompatible constructor arguments')
        self.world.logger = logger
        if type(self).__name__ in self.world.faults:
            self.world.answer(type(self).__name__)


def checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f'incompatible function arguments: {value!r} is no {kind.__name__}')
    return value
