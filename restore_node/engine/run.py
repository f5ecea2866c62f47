"""Running an engine: a plan in this process's GPU, and for each shape a context that runs it.

An `EngineRunner` holds the plan; a `ShapeContext` is one input shape of it, ready to run again and again
without allocating anything.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from restore_node.common.errors import EngineError, ModelError
from restore_node.engine.cuda import Cuda, cuda_lost
from restore_node.engine.cuda_resources import DeviceBuffer, Event, Graph, HostBuffer, Stream
from restore_node.engine.spec import Shape
from restore_node.engine.trt import LOG, TensorRT
from restore_node.model import INPUT_NAME, OUTPUT_NAME

# After a sticky error TensorRT's objects are kept for ever: to free them would call CUDA.
_abandoned: list[Any] = []


class PlanError(EngineError):
    """A plan that TensorRT does not load: damaged, or made by another version or for another GPU."""


class EngineRunner:
    """Loads a plan, which is native code, and runs it for shapes inside its profile.

    `zero_copy` is that of `ShapeContext`.

    Raises:
        PlanError: TensorRT does not take it.
        EngineError: TensorRT or CUDA fails for another reason, such as memory.
        ModelError: the engine's tensors are not the contract's.
    """

    def __init__(
        self, cuda: Cuda, library: TensorRT, plan: bytes | memoryview, *, zero_copy: bool = False
    ) -> None:
        self._cuda, self._library, self._zero_copy = cuda, library, zero_copy
        self._contexts: dict[Shape, ShapeContext] = {}
        self._runtime = library.call('TensorRT has no runtime', library.module.Runtime, library.logger)
        self._engine = self._load(plan)
        self._range = self._check_tensors()

    def accepts(self, shape: Shape) -> bool:
        """Whether (N, H, W) lies inside the engine's profile."""
        smallest, largest = self._range
        return all(low <= size <= high for low, size, high in zip(smallest, shape, largest, strict=True))

    def context(self, shape: Shape) -> ShapeContext:
        """Return the context for (N, H, W), made and warmed up when it is first asked for.

        Raises:
            EngineError: outside the profile, or TensorRT or CUDA refuses.
            ModelError: see `ShapeContext`.
        """
        if shape not in self._contexts:
            if not self.accepts(shape):
                raise EngineError('shape is outside the engine', seen=shape, wanted=f'within {self._range}')
            self._contexts[shape] = ShapeContext(
                self._cuda, self._library, self._engine, shape, self._zero_copy
            )
        return self._contexts[shape]

    def release(self, size: tuple[int, int]) -> None:
        """Free the contexts of (H, W) with their memory."""
        with ExitStack() as closing:
            for shape in [shape for shape in self._contexts if shape[1:] == size]:
                closing.callback(self._contexts.pop(shape).close)

    def close(self) -> None:
        """Free the contexts, then the engine; closing twice is harmless."""
        with ExitStack() as closing:
            closing.callback(self._drop_engine)
            while self._contexts:
                closing.callback(self._contexts.popitem()[1].close)

    def _drop_engine(self) -> None:
        for thing in (self._engine, self._runtime):
            _abandon_if_lost(thing)
        self._engine = self._runtime = None

    def _load(self, plan: bytes | memoryview) -> Any:
        try:
            return self._library.call(
                'TensorRT does not load the engine', self._runtime.deserialize_cuda_engine, plan
            )
        except EngineError as error:
            # A full GPU is no fault of the plan; TensorRT tells the two apart only in words.
            if 'memory' in str(error.seen).lower():
                raise
            raise PlanError(error.what, seen=error.seen, fix='it will be built again') from error

    def _check_tensors(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Hold the engine to the contract; return smallest and largest (N, H, W) of its profile."""
        trt, engine = self._library.module, self._engine
        with self._library.failures('TensorRT cannot describe the engine'):
            names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
            seen = {name: self._describe(name) for name in names}
            image = (trt.DataType.UINT8, trt.TensorLocation.DEVICE, trt.TensorFormat.LINEAR, 4, 3)
            wanted = {
                INPUT_NAME: (trt.TensorIOMode.INPUT, *image),
                OUTPUT_NAME: (trt.TensorIOMode.OUTPUT, *image),
            }
            if seen != wanted or engine.num_optimization_profiles != 1:
                raise ModelError(
                    'the engine does not keep the contract',
                    seen=_tensor_lines(seen),
                    wanted=_tensor_lines(wanted),
                    fix='export the model again and build with --force',
                )
            smallest, _, largest = engine.get_tensor_profile_shape(INPUT_NAME, 0)
        return tuple(smallest)[:3], tuple(largest)[:3]

    def _describe(self, name: str) -> tuple[Any, ...]:
        engine = self._engine
        shape = tuple(engine.get_tensor_shape(name))
        return (
            engine.get_tensor_mode(name),
            engine.get_tensor_dtype(name),
            engine.get_tensor_location(name),
            engine.get_tensor_format(name),
            len(shape),
            # TensorRT may leave an output's last size open; a context asks again once the input's are known.
            3 if shape[-1:] in ((3,), (-1,)) else shape[-1:],
        )


def _tensor_lines(tensors: dict[str, tuple[Any, ...]]) -> str:
    return '; '.join(
        f'{name}: {" ".join(fact.name for fact in facts[:4])}, {facts[4]} sizes, the last {facts[5]}'
        for name, facts in tensors.items()
    )


class ShapeContext:
    """Execution context, buffers, stream and captured CUDA graph for one shape of one engine.

    Args:
        engine: an ICudaEngine that keeps the model's contract.
        shape: (N, H, W), inside the engine's profile.
        zero_copy: let the GPU read and write the pinned buffers in place, where CPU and GPU share memory.

    Attributes:
        input: pinned uint8 `[N, H, W, 3]`, RGB, to be filled before `run`.
        output: pinned uint8 `[N, H, W, 3]`, RGB, valid from one `run` to the next or to `close`.

    Raises:
        EngineError: TensorRT or CUDA refuses; everything taken has been given back.
        ModelError: the engine gives another size than it takes.
    """

    def __init__(self, cuda: Cuda, library: TensorRT, engine: Any, shape: Shape, zero_copy: bool) -> None:
        self._library, self._shape = library, (*shape, 3)
        self._context: Any = None
        self._graph: Graph | None = None
        self._resources = ExitStack()
        self._is_busy = False
        try:
            self._open(cuda, engine, zero_copy)
            self._warm_up(cuda)
        except BaseException:
            self.close()
            raise

    def run(self) -> np.ndarray:
        """Restore what is in `input`, asleep meanwhile, and return `output`; raises EngineError."""
        self._is_busy = True
        if self._graph:
            self._graph.launch(self._stream)
        else:
            self._enqueue()
        self._done.record(self._stream)
        self._done.synchronize()
        self._is_busy = False
        return self.output

    def close(self) -> None:
        """Free everything; closing twice is harmless."""
        if self._is_busy and not cuda_lost():  # a run failed midway: what it started may still be at it
            with suppress(EngineError):
                self._stream.synchronize()
        self._is_busy = False
        _abandon_if_lost(self._context)
        self._graph = self._context = None
        self._resources.close()

    def _open(self, cuda: Cuda, engine: Any, zero_copy: bool) -> None:
        size, keep = int(np.prod(self._shape)), self._resources.enter_context
        self._stream, self._done = keep(Stream(cuda)), keep(Event(cuda))
        self._host_in = keep(HostBuffer(cuda, size, mapped=zero_copy))
        self._host_out = keep(HostBuffer(cuda, size, mapped=zero_copy))
        self.input = self._host_in.array.reshape(self._shape)
        self.output = self._host_out.array.reshape(self._shape)
        self.input[:] = 0
        self._device_in = self._device_out = None
        addresses = self._host_in.device_address, self._host_out.device_address
        if not zero_copy:
            self._device_in, self._device_out = keep(DeviceBuffer(cuda, size)), keep(DeviceBuffer(cuda, size))
            addresses = self._device_in.handle, self._device_out.handle
        self._context = self._library.call(
            'TensorRT made no execution context',
            engine.create_execution_context,
            fix='stop other users of the GPU, or restore smaller images',
        )
        self._set_tensors(*addresses)

    def _set_tensors(self, address_in: int, address_out: int) -> None:
        call, context = self._library.call, self._context
        what = f'the engine refuses a batch of shape {self._shape}'
        call(what, context.set_input_shape, INPUT_NAME, self._shape)
        missing = call(what, context.infer_shapes)
        if missing:
            raise self._library.failure(what, seen=f'open shapes {", ".join(missing)}')
        with self._library.failures(what):
            shape = tuple(context.get_tensor_shape(OUTPUT_NAME))
        if shape != self._shape:
            raise ModelError('the engine gives another size than it takes', seen=shape, wanted=self._shape)
        call(what, context.set_tensor_address, INPUT_NAME, address_in)
        call(what, context.set_tensor_address, OUTPUT_NAME, address_out)

    def _warm_up(self, cuda: Cuda) -> None:
        # TensorRT sets itself up at the first run, which cannot be captured.
        self.run()
        try:
            self._graph = self._resources.enter_context(Graph(cuda, self._stream, self._enqueue))
            self.run()
        except EngineError as error:
            if cuda_lost():
                raise
            self._graph = None
            LOG.warning('no CUDA graph for a batch of shape %s, going on without: %s', self._shape, error)

    def _enqueue(self) -> None:
        if self._device_in:
            self._stream.copy_in(self._device_in, self._host_in)
        try:
            self._library.call(
                'TensorRT failed to run the engine', self._context.execute_async_v3, self._stream.handle
            )
        except EngineError:
            # What is behind it may be a CUDA error that this process will not recover from; asking raises it.
            self._stream.is_done()
            raise
        if self._device_out:
            self._stream.copy_out(self._host_out, self._device_out)


def _abandon_if_lost(thing: Any) -> None:
    """Keep a TensorRT object from being freed if CUDA is lost to this process."""
    if cuda_lost():
        _abandoned.append(thing)
