"""Doubles of what runs a plan, see `trt_world`: ONNX Runtime computes it in memory of the simulated GPU."""

from __future__ import annotations

import ctypes
import json
from typing import Any

import numpy as np
from simulated_gpu import ALIGNMENT
from trt_world import MAGIC, Double, Made


class Runtime(Made):
    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        plan = bytes(serialized_engine)
        if not plan.startswith(MAGIC):
            self.world.log('Serialization assertion magicTagRead == kMAGIC_TAG failed.')
            return None
        header, _, graph = plan[len(MAGIC) :].partition(b'\n')
        known = json.loads(header)
        if known['version'] != self.world.trt.__version__:
            self.world.log('The engine plan file is not compatible with this version of TensorRT')
            return None
        return ICudaEngine(graph, known['shapes'])


class ICudaEngine(Double):
    def __init__(self, graph: bytes, shapes: list[list[int]]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph, options, providers=['CPUExecutionProvider'])
        self._shapes = shapes
        self._names = ['degraded', 'restored']

    @property
    def num_io_tensors(self) -> int:
        return len(self._names)

    @property
    def num_optimization_profiles(self) -> int:
        return 1

    def get_tensor_name(self, index: int) -> str:
        return self._names[index]

    def get_tensor_mode(self, name: str) -> Any:
        kinds = self.world.trt.TensorIOMode
        return {'degraded': kinds.INPUT, 'restored': kinds.OUTPUT}.get(name, kinds.NONE)

    def get_tensor_dtype(self, name: str) -> Any:
        return self.world.trt.DataType.UINT8

    def get_tensor_location(self, name: str) -> Any:
        return self.world.trt.TensorLocation.DEVICE

    def get_tensor_format(self, name: str) -> Any:
        return self.world.trt.TensorFormat.LINEAR

    def get_tensor_shape(self, name: str) -> Any:
        low, _, high = self._shapes
        return self.world.trt.Dims([a if a == b else -1 for a, b in zip(low, high, strict=True)])

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Any]:
        assert profile_index == 0
        return [self.world.trt.Dims(shape) for shape in self._shapes]

    def create_execution_context(self, strategy: Any = None) -> IExecutionContext:
        return IExecutionContext(self)


class IExecutionContext(Double):
    def __init__(self, engine: ICudaEngine) -> None:
        self._engine, self._shape, self._has_run = engine, (), False
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        low, _, high = self._engine._shapes
        if len(shape) != 4 or not all(a <= size <= b for a, size, b in zip(low, shape, high, strict=True)):
            self.world.log('shape does not satisfy any optimization profile')
            return False
        self._shape = tuple(shape)
        return True

    def infer_shapes(self) -> list[str]:
        return [] if self._shape else ['degraded']

    def get_tensor_shape(self, name: str) -> Any:
        return self.world.trt.Dims(self._shape)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if name not in self._engine._names or memory % ALIGNMENT:
            self.world.log('tensor address is refused')
            return False
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        gpu = self.world.gpu
        if set(self._addresses) != set(self._engine._names) or not self._shape:
            self.world.log('an address has not been set')
            return False
        if gpu.is_recording(stream_handle) and not self._has_run:
            self.world.log('the first run cannot be recorded')
            return False
        self._has_run = True
        gpu.enqueue(stream_handle, self._compute)
        return True

    def _compute(self) -> None:
        source, target = (self._view(self._addresses[name]) for name in ('degraded', 'restored'))
        restored = self._engine._session.run(None, {'degraded': source})[0]
        target[:] = np.clip(restored.astype(int) + self.world.damage, 0, 255)

    def _view(self, address: int) -> np.ndarray:
        assert self.world.gpu.is_mapped(address), "an address that is not the GPU's"
        size = int(np.prod(self._shape))
        memory = (ctypes.c_uint8 * size).from_address(address)
        return np.ctypeslib.as_array(memory).reshape(self._shape)
