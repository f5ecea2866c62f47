"""Which ways of running a model are tried, in which order."""

from __future__ import annotations

import pytest

from restore_node.backends.fallback import FallbackOptions, fallback_chain
from restore_node.common.errors import BackendError


@pytest.mark.parametrize(
    ('backend', 'device', 'candidates'),
    [
        ('auto', 'auto', ['tensorrt cuda', 'onnxruntime cuda', 'onnxruntime cpu']),
        ('auto', 'cuda', ['tensorrt cuda', 'onnxruntime cuda']),
        ('auto', 'cpu', ['onnxruntime cpu']),
        ('tensorrt', 'auto', ['tensorrt cuda']),
        ('onnxruntime', 'auto', ['onnxruntime cuda', 'onnxruntime cpu']),
        ('onnxruntime', 'cuda', ['onnxruntime cuda']),
        ('passthrough', 'auto', ['passthrough cpu']),
        ('passthrough', 'cuda', ['passthrough cpu']),
    ],
)
def test_order(backend, device, candidates):
    chain = fallback_chain(FallbackOptions(backend, device))
    assert [candidate.name for candidate in chain] == candidates
    assert [candidate.on_gpu for candidate in chain] == ['cuda' in name for name in candidates]


@pytest.mark.parametrize(
    ('backend', 'device', 'complaint'),
    [
        ('tensorflow', 'auto', "got 'tensorflow', want one of auto, tensorrt, openvino, onnxruntime"),
        ('auto', 'gpu', "got 'gpu', want one of auto, cuda, cpu"),
        ('tensorrt', 'cpu', 'tensorrt does not run on device cpu'),
    ],
)
def test_what_cannot_be(backend, device, complaint):
    with pytest.raises(BackendError, match=complaint):
        fallback_chain(FallbackOptions(backend, device))


def test_candidate_opens_a_warm_backend(make_model):
    (candidate,) = fallback_chain(FallbackOptions('onnxruntime', 'cpu'))
    backend = candidate.open(str(make_model()))
    assert backend.device == 'CPUExecutionProvider'
    assert backend.staging(1, 64, 64).shape == (1, 64, 64, 3)
    backend.close()


def test_candidate_that_does_not_warm_up_is_closed(make_model):
    (candidate,) = fallback_chain(FallbackOptions('onnxruntime', 'cpu'))
    with pytest.raises(BackendError):
        candidate.open(str(make_model(only=(24, 32))))
