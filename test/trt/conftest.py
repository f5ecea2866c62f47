"""These tests run in one process a TensorRT version, started by `test/unit/test_tensorrt_versions.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from batches import CAMERAS
from bindings import CHOICE, load
from other_graphs import add_half_graph, add_int8_graph
from simulated_gpu import SimulatedGpu
from trt_doubles import DOUBLES
from trt_world import Double, World

from restore_node.backends.registry import create_backend
from restore_node.backends.tensorrt import TensorRTBackend
from restore_node.engine.cuda import cuda_lost
from restore_node.engine.trt import _load
from restore_node.model import Model, load_model
from restore_node.tools.build_engine.__main__ import main as build_engine

# Only one version's bindings fit into a process, so these tests are not for the process that runs all others.

collect_ignore_glob = [] if CHOICE in os.environ else ['test_*.py']


@pytest.fixture(scope='session')
def bindings() -> ModuleType:
    """The true bindings of the version under test."""
    pytest.importorskip('onnx', reason='onnx is not installed: no test model can be made')
    pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
    module = load(os.environ[CHOICE])
    for double in DOUBLES:
        setattr(module, f'_real_{double.__name__}', getattr(module, double.__name__))
    return module


@pytest.fixture
def world(bindings: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """TensorRT with doubles of its native objects, on a simulated GPU, with a cache of its own."""
    world = World(bindings, SimulatedGpu())
    monkeypatch.setattr(Double, 'world', world, raising=False)
    for double in DOUBLES:
        monkeypatch.setattr(bindings, double.__name__, double)
    monkeypatch.setattr('restore_node.engine.cuda.candidates', lambda: iter([lambda: world.gpu]))
    monkeypatch.setattr('restore_node.engine.cuda._lost', None)
    monkeypatch.setattr('restore_node.engine.run._abandoned', [])
    _load.cache_clear()
    monkeypatch.setattr('restore_node.backends.tensorrt._refused', {})
    monkeypatch.setattr('restore_node.backends.tensorrt._hopeless', {})
    monkeypatch.setenv('RESTORE_NODE_CACHE', str(tmp_path / 'cache'))
    return world


@pytest.fixture
def built(world: World, model: Model) -> Callable[..., None]:
    """`built('64x32')` builds the model's engine for `cameras` of this size (width x height); and options."""

    def build(size: str, cameras: int = CAMERAS, *options: str) -> None:
        arguments = [str(model.graph()), '--size', size, '--batch', str(cameras), '--progress', 'json']
        with pytest.raises(SystemExit) as ended, redirect_stdout(StringIO()):
            build_engine([*arguments, *options])
        assert ended.value.code == 0

    return build


@pytest.fixture
def model(make_model: Callable[..., Path]) -> Model:
    """A small model with all graphs; adds ten to every value."""
    return load_model(str(add_int8_graph(add_half_graph(make_model(size_multiple=8)))))


@pytest.fixture
def backend(world: World, model: Model, built: Callable[..., None]) -> Iterator[TensorRTBackend]:
    """The backend for three cameras of 8x8, not open yet, with its engine."""
    built('8x8')
    world.gpu.calls.clear()
    backend = create_backend('tensorrt', model, 'cuda', cameras=CAMERAS)
    assert isinstance(backend, TensorRTBackend)
    yield backend
    backend.close()
    if not cuda_lost():
        assert not world.gpu.leaks()
