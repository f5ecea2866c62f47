"""Doubles of TensorRT's native objects: their "plans" hold the graph, and ONNX Runtime runs them.

Each has the name of the real class, shows only what the real class of the version under test has, takes only
what the real one takes, and fails as the real one does: None, False, TypeError, RuntimeError, with a line in
the log. Enumerations, Dims, loggers and monitors are real. They use memory and streams of a `SimulatedGpu`.
"""

from __future__ import annotations

import ctypes
import json
from typing import Any

import numpy as np
from bindings import has
from simulated_gpu import ALIGNMENT, SimulatedGpu

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


class _Made(Double):
    """Made by its constructor, which the real one answers with TypeError where its factory fails."""

    def __init__(self, logger: Any) -> None:
        if not isinstance(logger, self.world.trt.ILogger):
            raise TypeError('__init__(): incompatible constructor arguments')
        self.world.logger = logger
        if type(self).__name__ in self.world.faults:
            self.world.answer(type(self).__name__)


class Builder(_Made):
    @property
    def platform_has_fast_fp16(self) -> bool:
        return True

    @property
    def platform_has_fast_int8(self) -> bool:
        return True

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        self.world.network = INetworkDefinition(flags)
        return self.world.network

    def create_builder_config(self) -> IBuilderConfig:
        self.world.config = IBuilderConfig()
        return self.world.config

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(
        self, network: INetworkDefinition, config: IBuilderConfig
    ) -> IHostMemory | None:
        trt = self.world.trt
        half = getattr(trt.BuilderFlag, 'FP16', None)
        if network._is_strong() and half in config._flags:
            self.world.log('Error Code 4: precision flags are not allowed in a strongly typed network')
            return None
        needs_flag = network._is_quantised() and not network._is_strong()
        if needs_flag != (getattr(trt.BuilderFlag, 'INT8', None) in config._flags):
            self.world.log('Error Code 4: the INT8 flag does not fit the network')
            return None
        if not network._graph or len(config._profiles) != 1:
            self.world.log('Network has dynamic inputs, but no optimization profile has been defined')
            return None
        monitor = config._values.get('progress_monitor')
        if monitor:
            monitor.phase_start('Building Engine', None, 2)
            for step in range(2):
                monitor.phase_start(f'Timing {step}', 'Building Engine', 4)
                if not all(monitor.step_complete(f'Timing {step}', index) for index in range(4)):
                    return None
                monitor.phase_finish(f'Timing {step}')
                monitor.step_complete('Building Engine', step)
            monitor.phase_finish('Building Engine')
        header = {'version': trt.__version__, 'shapes': config._profiles[0]._shapes}
        return IHostMemory(MAGIC + json.dumps(header).encode() + b'\n' + network._graph)


class IHostMemory(Double, bytearray):
    @property
    def nbytes(self) -> int:
        return len(self)


class ITensor(Double):
    def __init__(self, value: Any) -> None:
        kinds = {1: 'FLOAT', 2: 'UINT8', 10: 'HALF'}
        self._name, self._dtype = value.name, kinds[value.type.tensor_type.elem_type]

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> Any:
        return getattr(self.world.trt.DataType, self._dtype)


class INetworkDefinition(Double):
    def __init__(self, flags: int) -> None:
        self._flags, self._graph = flags, b''
        self._inputs: list[ITensor] = []
        self._outputs: list[ITensor] = []

    def _is_strong(self) -> bool:
        trt = self.world.trt
        strong = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        return bool(self._flags & strong) or not hasattr(trt.BuilderFlag, 'FP16')

    def _is_quantised(self) -> bool:
        return b'QuantizeLinear' in self._graph

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_input(self, index: int) -> ITensor:
        return self._inputs[index]

    def get_output(self, index: int) -> ITensor:
        return self._outputs[index]


class OnnxParser(Double):
    def __init__(self, network: INetworkDefinition, logger: Any) -> None:
        self._network, self._errors = network, []
        if 'OnnxParser' in self.world.faults:
            self.world.answer('OnnxParser')

    def parse(self, model: bytes, path: str | None = None) -> bool:
        import onnx

        try:
            graph = onnx.load_from_string(bytes(model)).graph
        except Exception:  # protobuf's own
            self.world.log('Failed to parse the ONNX model from the buffer')
            return False
        pixels = {
            value.name for value in graph.input if value.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        }
        for index, node in enumerate(graph.node):
            if pixels & set(node.input) and node.op_type != 'Cast':
                fault = 'TensorRT does not support UINT8 types for intermediate tensors'
                self._errors.append(ParserError(index, node, fault))
        if self._errors:
            return False
        self._network._graph = bytes(model)
        self._network._inputs = [ITensor(value) for value in graph.input]
        self._network._outputs = [ITensor(value) for value in graph.output]
        return True

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]


class ParserError(Double):
    def __init__(self, index: int, node: Any, fault: str) -> None:
        self._index, self._node, self._fault = index, node, fault

    def desc(self) -> str:
        return self._fault

    def node(self) -> int:
        return self._index

    def node_name(self) -> str:
        return self._node.name

    def node_operator(self) -> str:
        return self._node.op_type


class IBuilderConfig(Double):
    def __init__(self) -> None:
        self._flags = {self.world.trt.BuilderFlag.TF32}
        self._values: dict[str, Any] = {}
        self._pools: dict[Any, int] = {}
        self._profiles: list[IOptimizationProfile] = []
        self._cache: ITimingCache | None = None

    def set_flag(self, flag: Any) -> None:
        self._flags.add(_checked(flag, self.world.trt.BuilderFlag))

    def clear_flag(self, flag: Any) -> None:
        self._flags.discard(_checked(flag, self.world.trt.BuilderFlag))

    def get_flag(self, flag: Any) -> bool:
        return _checked(flag, self.world.trt.BuilderFlag) in self._flags

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._pools[_checked(pool, self.world.trt.MemoryPoolType)] = pool_size

    @property
    def builder_optimization_level(self) -> int:
        return self._values.get('level', 3)

    @builder_optimization_level.setter
    def builder_optimization_level(self, level: int) -> None:
        self._values['level'] = level

    @property
    def progress_monitor(self) -> Any:
        return self._values.get('progress_monitor')

    @progress_monitor.setter
    def progress_monitor(self, monitor: Any) -> None:
        self._values['progress_monitor'] = _checked(monitor, self.world.trt.IProgressMonitor)

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        if not profile._shapes:
            return -1
        self._profiles.append(profile)
        return len(self._profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
        data = bytes(serialized_timing_cache)
        return ITimingCache(data) if not data or data.startswith(TIMINGS) else None

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        if cache._data not in (b'', TIMINGS + self.world.trt.__version__.encode()) and not ignore_mismatch:
            self.world.log('the timing cache is of another version')
            return False
        self._cache = cache
        return True

    def get_timing_cache(self) -> ITimingCache | None:
        return self._cache


class ITimingCache(Double):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def serialize(self) -> IHostMemory:
        return IHostMemory(TIMINGS + self.world.trt.__version__.encode())


class IOptimizationProfile(Double):
    def __init__(self) -> None:
        self._shapes: list[list[int]] = []

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        shapes = [list(self.world.trt.Dims(shape)) for shape in (min, opt, max)]
        if any(not low <= best <= high for low, best, high in zip(*shapes, strict=True)):
            raise RuntimeError('Shape provided for min is inconsistent with other shapes')
        self._shapes = shapes


class Runtime(_Made):
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


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f'incompatible function arguments: {value!r} is no {kind.__name__}')
    return value


DOUBLES = (
    Builder,
    IBuilderConfig,
    ICudaEngine,
    IExecutionContext,
    IHostMemory,
    INetworkDefinition,
    IOptimizationProfile,
    ITensor,
    ITimingCache,
    OnnxParser,
    ParserError,
    Runtime,
)


def members_of_doubles() -> list[str]:
    """What the doubles have, such as `Builder.create_network`."""
    return [
        f'{double.__name__}.{name}' for double in DOUBLES for name in vars(double) if not name.startswith('_')
    ]
