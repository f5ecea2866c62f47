"""Every way in which the TensorRT backend can fail, over the true bindings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batches import plus_ten, ramp
from simulated_gpu import CAPTURE_INVALIDATED, ILLEGAL_ADDRESS, OUT_OF_MEMORY
from trt_world import World

from restore_node.backends.registry import create_backend
from restore_node.backends.tensorrt import TensorRTBackend
from restore_node.common.errors import (
    BackendError,
    EngineError,
    ModelError,
    UnavailableError,
)
from restore_node.engine import run
from restore_node.engine.cuda import CudaError, CudaLostError, CudaOutOfMemoryError, cuda_lost
from restore_node.model import Model


@pytest.mark.parametrize(
    ('name', 'answer'),
    [
        ('Runtime', TypeError('factory function returned nullptr')),
        ('ICudaEngine.create_execution_context', None),
        ('ICudaEngine.create_execution_context', TypeError('factory function returned nullptr')),
        ('ICudaEngine.get_tensor_profile_shape', RuntimeError('no such profile')),
        ('IExecutionContext.set_input_shape', False),
        ('IExecutionContext.infer_shapes', RuntimeError('cannot infer')),
        ('IExecutionContext.infer_shapes', ['degraded']),
        ('IExecutionContext.set_tensor_address', False),
        ('IExecutionContext.execute_async_v3', False),
        ('IExecutionContext.execute_async_v3', RuntimeError('native failure')),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_failure_is_told_in_tensorrts_words_and_mended(
    backend: TensorRTBackend, world: World, name: str, answer: Any
) -> None:
    world.faults[name] = answer
    backend.open()
    with pytest.raises(EngineError, match='as the test wants it'):
        backend.staging(1, 8, 8)
    backend.close()
    assert not world.gpu.leaks()
    world.faults.clear()
    with backend:
        batch = ramp(backend.staging(1, 8, 8))
        np.testing.assert_array_equal(backend.restore(batch), plus_ten(batch))


@pytest.mark.parametrize(
    ('name', 'answer'),
    [
        ('ICudaEngine.get_tensor_dtype', 'HALF'),
        ('ICudaEngine.get_tensor_format', 'CHW4'),
        ('ICudaEngine.get_tensor_location', 'HOST'),
        ('ICudaEngine.get_tensor_mode', 'OUTPUT'),
        ('ICudaEngine.get_tensor_name', 'image'),
        ('ICudaEngine.get_tensor_shape', (1, 3, 8, 8)),
        ('IExecutionContext.get_tensor_shape', (1, 16, 16, 3)),
    ],
)
def test_engine_of_another_contract_is_refused(
    backend: TensorRTBackend, world: World, name: str, answer: Any
) -> None:
    kinds = {
        'dtype': 'DataType',
        'format': 'TensorFormat',
        'location': 'TensorLocation',
        'mode': 'TensorIOMode',
    }
    kind = kinds.get(name.rpartition('_')[2])
    value = getattr(getattr(world.trt, kind), answer) if kind else answer
    world.faults[name] = world.trt.Dims(value) if isinstance(value, tuple) else value
    with backend, pytest.raises(ModelError, match=r'does not keep the contract|gives another size'):
        backend.staging(1, 8, 8)


@pytest.mark.parametrize(
    'function', ['cudaMalloc', 'cudaHostAlloc', 'cudaEventCreateWithFlags', 'cudaStreamCreateWithPriority']
)
def test_out_of_memory_leaves_nothing_behind(backend: TensorRTBackend, world: World, function: str) -> None:
    world.gpu.failures[function] = OUT_OF_MEMORY
    with backend:
        with pytest.raises(CudaOutOfMemoryError, match=function):
            backend.staging(1, 8, 8)
        world.gpu.failures.clear()
        assert not world.gpu.leaks()
        backend.restore(backend.staging(1, 8, 8))


@pytest.mark.parametrize('function', ['cudaEventSynchronize', 'cudaGraphLaunch'])
def test_sticky_error_ends_cuda_for_this_process(
    backend: TensorRTBackend, world: World, model: Model, function: str
) -> None:
    backend.open()
    batch = backend.staging(1, 8, 8)
    world.gpu.failures[function] = ILLEGAL_ADDRESS
    with pytest.raises(CudaError, match='cudaErrorIllegalAddress') as raised:
        backend.restore(batch)
    assert raised.value.sticky
    world.gpu.calls.clear()
    with pytest.raises(CudaLostError):
        backend.restore(batch)
    backend.close()
    with pytest.raises(CudaLostError):
        TensorRTBackend(model).open()
    assert not world.gpu.calls
    # TensorRT's objects would call CUDA as they are freed.
    assert {type(thing).__name__ for thing in run._abandoned} == {
        'IExecutionContext',
        'ICudaEngine',
        'Runtime',
    }


def test_failure_of_tensorrt_that_hides_a_sticky_error(backend: TensorRTBackend, world: World) -> None:
    world.gpu.failures['cudaStreamBeginCapture'] = CAPTURE_INVALIDATED
    backend.open()
    batch = backend.staging(1, 8, 8)
    world.faults['IExecutionContext.execute_async_v3'] = False
    world.gpu.failures['cudaStreamQuery'] = ILLEGAL_ADDRESS
    with pytest.raises(CudaError, match='cudaErrorIllegalAddress'):
        backend.restore(batch)
    assert cuda_lost()


def test_cpu_is_no_device_for_it(model: Model) -> None:
    with pytest.raises(BackendError, match="no such device: got 'cpu', want auto or cuda"):
        create_backend('tensorrt', model, 'cpu')


def test_version_that_is_too_old(world: World, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.trt, '__version__', '8.5.2.2')
    with pytest.raises(UnavailableError, match=r'too old: got 8.5.2.2, want 10.0'):
        TensorRTBackend(model).open()
    assert not world.gpu.leaks()
