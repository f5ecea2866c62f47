"""The backends by name. A new one is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError
from restore_node.model import Model

#: The classes by name; each lies in the file of its name, which is imported when it is asked for.
_CLASSES = {
    'tensorrt': 'TensorRTBackend',
    'openvino': 'OpenVinoBackend',
    'onnxruntime': 'OnnxRuntimeBackend',
    'passthrough': 'PassthroughBackend',
}
#: Names that `create_backend` knows.
BACKENDS = tuple(_CLASSES)


def create_backend(
    name: str, model: Model, device: str = 'auto', threads: int = 0, **options: Any
) -> Backend:
    """A backend that is not open yet, of a name in `BACKENDS`, with further options of its own.

    Its device is `auto`, `cuda`, `intel_gpu` or `cpu`, where it runs on several, and it takes so many CPU
    threads, 0 for one per core. Raises BackendError for an unknown name or device.
    """
    if name not in _CLASSES:
        raise BackendError('unknown backend', seen=repr(name), wanted=f'one of {", ".join(BACKENDS)}')
    kind = getattr(import_module(f'restore_node.backends.{name}'), _CLASSES[name])
    backend: Backend = kind(model, device, threads, **options)
    return backend
