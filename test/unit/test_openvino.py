"""The OpenVINO backend: devices, precisions, its buffers and its cache. The contract is in test_backends."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from model_files import write_int8_graph

from restore_node.backends import openvino as backend_file
from restore_node.backends.openvino import KEPT_COMPILED, KEPT_SIZES, OpenVinoBackend
from restore_node.common.errors import BackendError, UnavailableError
from restore_node.common.host import Processor
from restore_node.model import load_model

openvino = pytest.importorskip('openvino', reason='openvino is not installed')


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv('RESTORE_NODE_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def model(make_model):
    return load_model(str(make_model(gain=0.5)))


def processor_with(*flags: str) -> Callable[[], Processor]:
    return lambda: Processor('made up', frozenset(flags), 2)


def test_the_device_says_in_which_precision_it_computes(model):
    with OpenVinoBackend(model, 'cpu', precision='fp32') as backend:
        assert backend.device == 'CPU fp32'


def test_it_computes_from_its_own_buffer_into_its_own(model):
    with OpenVinoBackend(model, 'cpu') as backend:
        batch = backend.staging(1, 8, 16)
        batch[:] = 100
        first = backend.restore(batch)
        assert (first == 60).all()
        batch[:] = 20
        assert np.shares_memory(backend.restore(batch), first)
        assert (first == 20).all()


def test_other_arrays_are_taken_too(model):
    with OpenVinoBackend(model, 'cpu') as backend:
        assert (backend.restore(np.full((2, 8, 8, 3), 100, np.uint8)) == 60).all()


def test_few_sizes_stay_compiled(model):
    with OpenVinoBackend(model, 'cpu') as backend:
        first = backend._request_for(8, 8)
        for batch, width in enumerate(range(1, 1 + KEPT_SIZES), start=1):
            backend.staging(batch, 8, 8 * width)
        assert backend._request_for(8, 8) is first
        for width in range(2, 2 + KEPT_SIZES):
            backend.staging(1, 8, 8 * width)
        assert backend._request_for(8, 8) is not first


@pytest.mark.parametrize(
    ('precision', 'words'), [('int4', 'no such precision'), ('bfloat', 'want one of auto')]
)
def test_unknown_precision(model, precision, words):
    with pytest.raises(BackendError, match=words):
        OpenVinoBackend(model, 'cpu', precision=precision)


def test_int8_is_for_models_and_processors_that_have_it(make_model, monkeypatch):
    path = make_model()
    write_int8_graph(path)
    monkeypatch.setattr(backend_file, 'this_processor', processor_with('avx512_vnni'))
    with OpenVinoBackend(load_model(str(path)), 'cpu') as backend:
        assert 'int8' in backend.precisions()
    monkeypatch.setattr(backend_file, 'this_processor', processor_with('avx2'))
    backend = OpenVinoBackend(load_model(str(path)), 'cpu', precision='int8')
    assert 'int8' not in backend.precisions()
    with pytest.raises(UnavailableError, match='does not compute model plus-ten in int8'):
        backend.open()


def test_the_int8_graph_is_what_int8_runs(make_model, monkeypatch):
    path = make_model()
    write_int8_graph(path, offset=20)
    monkeypatch.setattr(backend_file, 'this_processor', processor_with('avx_vnni'))
    with OpenVinoBackend(load_model(str(path)), 'cpu', precision='int8') as backend:
        assert backend.device == 'CPU int8'
        assert (backend.restore(np.full((1, 8, 8, 3), 100, np.uint8)) == 120).all()


def test_graphics_that_are_missing_are_no_damage(model):
    if 'GPU' in openvino.Core().available_devices:
        pytest.skip('Intel graphics are here')
    with pytest.raises(UnavailableError, match='got CPU, want GPU'):
        OpenVinoBackend(model, 'intel_gpu').open()
    with OpenVinoBackend(model, 'auto') as backend:
        assert backend.device.startswith('CPU ')


def test_a_missing_package_is_no_damage(model, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    with pytest.raises(UnavailableError, match=r'cannot be imported.*vehicle-intel'):
        OpenVinoBackend(model, 'cpu').open()


def test_it_tells_nobody_that_it_is_imported(tmp_path):
    """By itself the package reports every import to Google Analytics, from a forked process."""
    script = (
        'import sys, multiprocessing.process as process\n'
        'process.BaseProcess.start = lambda self: sys.exit("a process was started")\n'
        'from restore_node.backends import openvino\n'
        'openvino._new_core()\n'
        'told = [name for name in sys.modules if name.startswith("openvino_telemetry")]\n'
        'sys.exit(f"imported: {told}" if told else 0)\n'
    )
    home = tmp_path / 'home'
    home.mkdir()
    ended = subprocess.run(
        [sys.executable, '-c', script],
        env={'HOME': str(home), 'PYTHONPATH': str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert list(home.iterdir()) == []


def test_compiled_models_are_kept_for_the_next_start(model, cache):
    for _ in range(2):
        with OpenVinoBackend(model, 'cpu') as backend:
            backend.staging(1, 8, 8)
    assert len(list((cache / 'openvino').glob('*/*.blob'))) == 1
    assert (cache / 'openvino').stat().st_mode & 0o777 == 0o700


def test_the_cache_does_not_grow_for_ever(model, cache):
    with OpenVinoBackend(model, 'cpu') as backend:
        backend.staging(1, 8, 8)
    (folder,) = (cache / 'openvino').iterdir()
    for index in range(KEPT_COMPILED + 5):
        (folder / f'{index}.blob').write_bytes(b'')
    OpenVinoBackend(model, 'cpu').open()
    assert len(list(folder.glob('*.blob'))) == KEPT_COMPILED


def test_a_cache_that_others_may_write_is_not_used(model, cache, caplog):
    (cache / 'openvino').mkdir(parents=True)
    cache.chmod(0o777)
    with caplog.at_level(logging.WARNING), OpenVinoBackend(model, 'cpu') as backend:
        backend.restore(backend.staging(1, 8, 8))
    assert 'compiled at every start' in caplog.text
    assert list((cache / 'openvino').iterdir()) == []


def test_a_damaged_cache_is_compiled_anew(model, cache):
    with OpenVinoBackend(model, 'cpu') as backend:
        backend.staging(1, 8, 8)
    (blob,) = (cache / 'openvino').glob('*/*.blob')
    blob.write_bytes(blob.read_bytes()[:100])
    with OpenVinoBackend(model, 'cpu') as backend:
        assert (backend.restore(np.full((1, 8, 8, 3), 100, np.uint8)) == 60).all()
