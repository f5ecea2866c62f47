"""The backends by name. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError
from restore_node.model import Model


def _onnxruntime(model: Model, device: str, threads: int, **options: Any) -> Backend:
    module = import_module('restore_node.backends.onnxruntime')
    backend: Backend = module.OnnxRuntimeBackend(model, device, threads, **options)
    return backend


def _openvino(model: Model, device: str, threads: int, **options: Any) -> Backend:
    module = import_module('restore_node.backends.openvino')
    backend: Backend = module.OpenVinoBackend(model, device, threads, **options)
    return backend


def _tensorrt(model: Model, device: str, threads: int, **options: Any) -> Backend:
    module = import_module('restore_node.backends.tensorrt')
    backend: Backend = module.TensorRTBackend(model, device, **options)
    return backend


def _passthrough(model: Model, device: str, threads: int) -> Backend:
    module = import_module('restore_node.backends.passthrough')
    backend: Backend = module.PassthroughBackend(model)
    return backend


_REGISTRY: dict[str, Callable[..., Backend]] = {
    'tensorrt': _tensorrt,
    'openvino': _openvino,
    'onnxruntime': _onnxruntime,
    'passthrough': _passthrough,
}

#: Names that `create_backend` knows.
BACKENDS = tuple(_REGISTRY)


def create_backend(
    name: str, model: Model, device: str = 'auto', threads: int = 0, **options: Any
) -> Backend:
    """A backend that is not open yet.

    Args:
        name: one of `BACKENDS`.
        model: a loaded model.
        device: `auto`, `cuda`, `intel_gpu` or `cpu`, for backends that run on several.
        threads: CPU threads, 0 for one per core.
        **options: further keywords of the backend's own.

    Raises:
        BackendError: unknown name or device.
    """
    if name not in _REGISTRY:
        raise BackendError('unknown backend', seen=repr(name), wanted=f'one of {", ".join(BACKENDS)}')
    return _REGISTRY[name](model, device, threads, **options)
