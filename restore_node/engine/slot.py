"""Slot: one input shape of an engine, ready to run again and again without allocating anything."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from restore_node.common.errors import EngineError, ModelError
from restore_node.engine.cuda import Cuda, Graph, cuda_lost
from restore_node.engine.trt import LOG, TensorRT
from restore_node.model import INPUT_NAME, OUTPUT_NAME

# After a sticky error TensorRT's objects are kept for ever: to free them would call CUDA.
_abandoned: list[Any] = []


def abandon_if_lost(thing: Any) -> None:
    """Keep a TensorRT object from being freed if CUDA is lost to this process."""
    if cuda_lost():
        _abandoned.append(thing)


class Slot:
    """Execution context, buffers, stream and captured CUDA graph for one shape of one engine.

    Several slots of an engine run at the same time: while one computes, another one's images are copied.

    Args:
        cuda: the GPU.
        library: TensorRT.
        engine: an ICudaEngine that keeps the model's contract.
        shape: (N, H, W), inside the engine's profile.
        zero_copy: let the GPU read and write the pinned buffers in place, where CPU and GPU share memory.

    Attributes:
        input: pinned uint8 `[N, H, W, 3]`, RGB, to be filled before `submit`.
        output: pinned uint8 `[N, H, W, 3]`, RGB, valid from `collect` to the next `submit` or `close`.

    Raises:
        EngineError: TensorRT or CUDA refuses; everything taken has been given back.
        ModelError: the engine gives another size than it takes.
    """

    def __init__(
        self, cuda: Cuda, library: TensorRT, engine: Any, shape: tuple[int, int, int], zero_copy: bool
    ) -> None:
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

    @property
    def is_captured(self) -> bool:
        """Whether it runs as one CUDA graph, not call by call."""
        return self._graph is not None

    def submit(self) -> None:
        """Start to restore what is in `input`; raises EngineError."""
        self._is_busy = True
        if self._graph:
            self._graph.launch(self._stream)
        else:
            self._enqueue()
        self._done.record(self._stream)

    def collect(self) -> np.ndarray:
        """Sleep until what was submitted is done and return `output`; raises EngineError."""
        self._done.synchronize()
        self._is_busy = False
        return self.output

    def close(self) -> None:
        """Free everything; closing twice is harmless."""
        if self._is_busy and not cuda_lost():
            with suppress(EngineError):  # it came to light where it failed
                self._stream.synchronize()
        self._is_busy = False
        abandon_if_lost(self._context)
        self._graph = self._context = None
        self._resources.close()

    def _open(self, cuda: Cuda, engine: Any, zero_copy: bool) -> None:
        size, keep = int(np.prod(self._shape)), self._resources.enter_context
        self._stream, self._done = keep(cuda.stream()), keep(cuda.event())
        self._host_in = keep(cuda.host_buffer(size, mapped=zero_copy))
        self._host_out = keep(cuda.host_buffer(size, mapped=zero_copy))
        self.input = self._host_in.array.reshape(self._shape)
        self.output = self._host_out.array.reshape(self._shape)
        self.input[:] = 0
        self._device_in = self._device_out = None
        addresses = self._host_in.device_address, self._host_out.device_address
        if not zero_copy:
            self._device_in, self._device_out = keep(cuda.device_buffer(size)), keep(cuda.device_buffer(size))
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
        self._run_once()
        try:
            self._graph = self._resources.enter_context(cuda.graph(self._stream, self._enqueue))
            self._run_once()
        except EngineError as error:
            if cuda_lost():
                raise
            self._graph = None
            LOG.warning('no CUDA graph for a batch of shape %s, going on without: %s', self._shape, error)

    def _run_once(self) -> None:
        self.submit()
        self.collect()

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
