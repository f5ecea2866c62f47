"""The fallback chain: in which order backends are tried (docs/contracts.md, section 8, going down)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from restore_node.backends.base import Backend, Candidate
from restore_node.backends.registry import BACKENDS, create_backend
from restore_node.common.errors import BackendError
from restore_node.model import load_model

AUTO = 'auto'
DEVICES = (AUTO, 'cuda', 'cpu')

# (backend, device), best first.
_ALL = (('tensorrt', 'cuda'), ('onnxruntime', 'cuda'), ('onnxruntime', 'cpu'), ('passthrough', 'cpu'))


@dataclass(frozen=True)
class FallbackOptions:
    """What a user may choose.

    Attributes:
        backend: one of `BACKENDS`, or `auto`: TensorRT, else ONNX Runtime.
        device: `auto`, `cuda` or `cpu`.
        threads: CPU threads of ONNX Runtime; 0 takes one per core.
        engine: options of the TensorRT backend by name.
    """

    backend: str = AUTO
    device: str = AUTO
    threads: int = 0
    engine: dict[str, Any] | None = None


def fallback_chain(options: FallbackOptions) -> list[Candidate]:
    """The ways of running a model that the options allow, best first.

    Raises:
        BackendError: an unknown name, or a backend that does not run on the device.
    """
    for name, value, known in (
        ('backend', options.backend, (AUTO, *BACKENDS)),
        ('device', options.device, DEVICES),
    ):
        if value not in known:
            raise BackendError(f'unknown {name}', seen=repr(value), wanted=f'one of {", ".join(known)}')
    candidates = [
        Candidate(f'{backend} {device}', partial(_open, backend, device, options), on_gpu=device == 'cuda')
        for backend, device in _ALL
        if backend in BACKENDS
        if options.backend == backend or (options.backend == AUTO and backend != 'passthrough')
        if options.device in (AUTO, device) or backend == 'passthrough'
    ]
    if not candidates:
        raise BackendError(
            f'backend {options.backend} does not run on device {options.device}', fix='change one'
        )
    return candidates


def _open(backend: str, device: str, options: FallbackOptions, model: str) -> Backend:
    extra = (options.engine or {}) if backend == 'tensorrt' else {}
    opened = create_backend(backend, load_model(model), device, options.threads, **extra)
    try:
        opened.open()
        opened.warm_up()
    except Exception:
        opened.close()
        raise
    return opened
