"""Doubles of what builds a plan, see `trt_world`: the "plan" holds the graph and its profile."""

from __future__ import annotations

import json
from typing import Any

from trt_world import MAGIC, TIMINGS, Double, Made, checked


class Builder(Made):
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
        self._flags.add(checked(flag, self.world.trt.BuilderFlag))

    def clear_flag(self, flag: Any) -> None:
        self._flags.discard(checked(flag, self.world.trt.BuilderFlag))

    def get_flag(self, flag: Any) -> bool:
        return checked(flag, self.world.trt.BuilderFlag) in self._flags

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._pools[checked(pool, self.world.trt.MemoryPoolType)] = pool_size

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
        self._values['progress_monitor'] = checked(monitor, self.world.trt.IProgressMonitor)

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
