"""Which ways of running a model are tried, in which order."""

from __future__ import annotations

import sys

import pytest

from restore_node.backends import fallback
from restore_node.backends.choice import EXACT, Figures, Way
from restore_node.backends.fallback import fallback_chain
from restore_node.common.errors import BackendError, UnavailableError

OPENVINO = ['openvino intel_gpu', 'openvino cpu']


@pytest.mark.parametrize(
    ('backend', 'device', 'candidates'),
    [
        ('auto', 'auto', ['tensorrt cuda', 'onnxruntime cuda', *OPENVINO, 'onnxruntime cpu']),
        ('auto', 'cuda', ['tensorrt cuda', 'onnxruntime cuda']),
        ('auto', 'cpu', ['openvino cpu', 'onnxruntime cpu']),
        ('auto', 'intel_gpu', ['openvino intel_gpu']),
        ('openvino', 'auto', OPENVINO),
        ('tensorrt', 'auto', ['tensorrt cuda']),
        ('onnxruntime', 'auto', ['onnxruntime cuda', 'onnxruntime cpu']),
        ('onnxruntime', 'cuda', ['onnxruntime cuda']),
        ('passthrough', 'auto', ['passthrough cpu']),
        ('passthrough', 'cuda', ['passthrough cpu']),
    ],
)
def test_order(backend, device, candidates):
    chain = fallback_chain(backend, device)
    assert [candidate.name for candidate in chain] == candidates
    assert [candidate.on_gpu for candidate in chain] == ['cuda' in name for name in candidates]


@pytest.mark.parametrize(
    ('backend', 'device', 'complaint'),
    [
        ('tensorflow', 'auto', "got 'tensorflow', want one of auto, tensorrt, openvino, onnxruntime"),
        ('auto', 'gpu', "got 'gpu', want one of auto, cuda, intel_gpu, cpu"),
        ('tensorrt', 'cpu', 'tensorrt does not run on device cpu'),
    ],
)
def test_what_cannot_be(backend, device, complaint):
    with pytest.raises(BackendError, match=complaint):
        fallback_chain(backend, device)


def test_candidate_opens_a_warm_backend(make_model):
    (candidate,) = fallback_chain('onnxruntime', 'cpu')
    backend = candidate.open(str(make_model()))
    assert backend.device == 'CPUExecutionProvider'
    assert backend.staging(1, 64, 64).shape == (1, 64, 64, 3)
    backend.close()


def test_candidate_that_does_not_warm_up_is_closed(make_model):
    (candidate,) = fallback_chain('onnxruntime', 'cpu')
    with pytest.raises(BackendError):
        candidate.open(str(make_model(only=(24, 32))))


INT8, FP32, GPU = (
    Way('openvino', 'cpu', 'int8'),
    Way('openvino', 'cpu', 'fp32'),
    Way('openvino', 'intel_gpu', 'fp16'),
)


@pytest.mark.parametrize(
    ('ms', 'options', 'device', 'taken'),
    [
        ({INT8: 10, FP32: 40, EXACT: 50}, {}, 'cpu', 'int8'),
        ({INT8: 80, FP32: 40, EXACT: 50}, {}, 'cpu', 'fp32'),
        (
            {INT8: 60, FP32: 70, EXACT: 50},
            {},
            'cpu',
            'int8 is slower here than onnxruntime',
        ),
        ({INT8: 60, FP32: 70, EXACT: 50}, {'backend': 'openvino'}, 'cpu', 'int8'),
        ({GPU: 5, INT8: 10, EXACT: 50}, {}, 'intel_gpu', 'fp16'),
        ({GPU: 5, INT8: 10, EXACT: 50}, {}, 'cpu', 'int8'),
        (
            {GPU: 20, INT8: 10, EXACT: 50},
            {},
            'intel_gpu',
            'fp16 is slower here than openvino cpu',
        ),
        ({GPU: 20, INT8: 10, EXACT: 50}, {'device': 'intel_gpu'}, 'intel_gpu', 'fp16'),
        ({EXACT: 50}, {}, 'cpu', 'auto'),
    ],
)
def test_openvino_is_taken_where_nothing_further_down_is_faster(
    make_model, monkeypatch, ms, options, device, taken
):
    choice = {way: Figures(value, 60.0) for way, value in ms.items()}
    monkeypatch.setattr(fallback, 'choose', lambda model, threads: choice)
    ways = [tuple(candidate.name.split()) for candidate in fallback_chain(**options)]
    try:
        found = fallback._fastest_precision(None, 0, ways[ways.index(('openvino', device)) :])
    except UnavailableError as error:
        found = str(error)
    assert taken in found


def test_without_openvino_the_chain_goes_on(make_model, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    openvino, onnxruntime = fallback_chain(device='cpu')
    with pytest.raises(UnavailableError, match='OpenVINO cannot be imported'):
        openvino.open(str(make_model()))
    onnxruntime.open(str(make_model())).close()
