"""The backends that run anywhere: the contract that all keep, and what ONNX Runtime refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from backend_contract import *  # noqa: F403  its tests run here, with the fixture below

from restore_node.backends.base import Backend
from restore_node.backends.registry import BACKENDS, create_backend
from restore_node.common.errors import BackendError, ModelError
from restore_node.model import load_model

onnx = pytest.importorskip('onnx', reason='onnx is not installed: no test model can be made')
onnxruntime = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is compiled here goes where it is thrown away."""
    monkeypatch.setenv('RESTORE_NODE_CACHE', str(tmp_path / 'cache'))


@pytest.fixture(params=['onnxruntime', 'openvino'])
def runtime(request: pytest.FixtureRequest) -> str:
    """Each backend that reads graphs on any CPU."""
    pytest.importorskip(request.param, reason=f'{request.param} is not installed')
    return str(request.param)


@pytest.fixture(params=[name for name in BACKENDS if name != 'tensorrt'])  # that one: test/trt
def backend(request: pytest.FixtureRequest, make_model: Callable[..., Path]) -> Iterator[Backend]:
    """Each backend, on the CPU, not open yet."""
    if request.param == 'openvino':
        pytest.importorskip('openvino', reason='openvino is not installed')
    backend = create_backend(request.param, load_model(str(make_model(size_multiple=8))), 'cpu', threads=1)
    yield backend
    backend.close()


# The registry.


@pytest.mark.parametrize(
    ('options', 'fault'),
    [
        (('tensorflow', 'cpu'), "unknown backend: got 'tensorflow', want one of tensorrt"),
        (('onnxruntime', 'npu'), "unknown device: got 'npu', want one of auto, cuda, cpu"),
        (('openvino', 'cuda'), "no such device: got 'cuda', want one of auto, intel_gpu, cpu"),
    ],
)
def test_unknown_names_are_refused(
    make_model: Callable[..., Path], options: tuple[str, str], fault: str
) -> None:
    name, device = options
    with pytest.raises(BackendError, match=fault):
        create_backend(name, load_model(str(make_model())), device)


# What reads graphs.


@pytest.mark.parametrize('threads', [0, 1, 2])
def test_it_computes_the_graph(make_model: Callable[..., Path], runtime: str, threads: int) -> None:
    model = load_model(str(make_model(gain=0.5, offset=10)))
    with create_backend(runtime, model, 'cpu', threads) as backend:
        batch = backend.staging(1, 8, 32)
        batch[0] = np.arange(256).reshape(8, 32, 1)
        wanted = np.floor(np.arange(256) * 0.5 + 10.5).astype(np.uint8)
        np.testing.assert_array_equal(backend.restore(batch)[0, ..., 1].reshape(-1), wanted)


def test_auto_says_which_provider_runs(make_model: Callable[..., Path]) -> None:
    if 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        pytest.skip('this ONNX Runtime may load CUDA')
    with create_backend('onnxruntime', load_model(str(make_model())), 'auto') as backend:
        assert backend.device == 'CPUExecutionProvider'


def test_cuda_is_not_replaced_in_silence(make_model: Callable[..., Path]) -> None:
    if 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        pytest.skip('this ONNX Runtime may load CUDA')
    backend = create_backend('onnxruntime', load_model(str(make_model())), 'cuda')
    with pytest.raises(
        BackendError, match=r'got .*CPUExecutionProvider, want CUDAExecutionProvider; install'
    ):
        backend.open()


def test_garbage_with_the_right_checksum_is_refused(
    make_model: Callable[..., Path], make_card: Callable[..., None], runtime: str
) -> None:
    graph = make_model()
    graph.write_bytes(b'no graph')
    make_card('plus-ten', b'no graph')
    backend = create_backend(runtime, load_model(str(graph)), 'cpu')
    with pytest.raises(BackendError, match='refuses the graph of model plus-ten'):
        backend.open()


IMAGE = ['N', 'H', 'W', 3]


@pytest.mark.parametrize(
    ('element', 'shape', 'outputs'),
    [
        ('FLOAT', IMAGE, ['restored']),
        ('UINT8', ['N', 3, 'H', 'W'], ['restored']),
        ('UINT8', [1, 360, 640, 3], ['restored']),
        ('UINT8', IMAGE, ['restored', 'mask']),
        ('UINT8', IMAGE, ['output']),
    ],
    ids=['float', 'channels first', 'fixed size', 'two outputs', 'other name'],
)
def test_graph_of_another_kind_is_refused(
    make_model: Callable[..., Path],
    make_card: Callable[..., None],
    runtime: str,
    element: str,
    shape: list,
    outputs: list[str],
) -> None:
    graph = make_model()
    kind = getattr(onnx.TensorProto, element)
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node('Identity', ['degraded'], [name]) for name in outputs],
            'other',
            [onnx.helper.make_tensor_value_info('degraded', kind, shape)],
            [onnx.helper.make_tensor_value_info(name, kind, shape) for name in outputs],
        ),
        opset_imports=[onnx.helper.make_opsetid('', 18)],
        ir_version=9,
    ).SerializeToString()
    graph.write_bytes(made)
    make_card('plus-ten', made)
    backend = create_backend(runtime, load_model(str(graph)), 'cpu')
    with pytest.raises(ModelError, match='does not keep the contract: got inputs degraded'):
        backend.open()
    assert backend.device == 'none'


def test_failure_while_it_runs_is_a_backend_error(
    make_model: Callable[..., Path], runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with create_backend(runtime, load_model(str(make_model(only=(16, 16)))), 'cpu') as backend:
        with pytest.raises(BackendError, match=r'a batch of shape \(1, 8, 8'):
            backend.restore(backend.staging(1, 8, 8))
        assert backend.restore(backend.staging(1, 16, 16)).shape == (1, 16, 16, 3)
