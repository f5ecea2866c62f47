"""The fallback chain: in which order backends are tried (docs/contracts.md, section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from restore_node.backends.base import Backend, Candidate
from restore_node.backends.choice import best_of, choose
from restore_node.backends.registry import BACKENDS, create_backend
from restore_node.common.errors import BackendError, UnavailableError
from restore_node.model import Model, load_model

AUTO = 'auto'
DEVICES = (AUTO, 'cuda', 'intel_gpu', 'cpu')

# (backend, device), best first.
_ALL = (
    ('tensorrt', 'cuda'),
    ('onnxruntime', 'cuda'),
    ('openvino', 'intel_gpu'),
    ('openvino', 'cpu'),
    ('onnxruntime', 'cpu'),
    ('passthrough', 'cpu'),
)


@dataclass(frozen=True)
class FallbackOptions:
    """What a user may choose.

    Attributes:
        backend: one of `BACKENDS`, or `auto`: the best that works.
        device: one of `DEVICES`.
        threads: CPU threads; 0 takes one per core.
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
    loaded = load_model(model)
    extra = (options.engine or {}) if backend == 'tensorrt' else {}
    if backend == 'openvino':
        extra = {'precision': _fastest_precision(loaded, device, options)}
    opened = create_backend(backend, loaded, device, options.threads, **extra)
    try:
        opened.open()
        opened.warm_up()
    except Exception:
        opened.close()
        raise
    return opened


def _fastest_precision(model: Model, device: str, options: FallbackOptions) -> str:
    """What OpenVINO is the fastest in on a device.

    Raises:
        UnavailableError: something further down, which the options allow, is faster than all of it.
    """
    choice = choose(model, options.threads)
    mine = best_of(choice, lambda way: (way.backend, way.device) == ('openvino', device))
    if mine is None:
        return AUTO  # and opening it says why it does not run
    from_here = _ALL[_ALL.index(('openvino', device)) :]
    best = best_of(
        choice,
        lambda way: (
            (way.backend, way.device) in from_here
            and options.backend in (AUTO, way.backend)
            and options.device in (AUTO, way.device)
        ),
    )
    if best is None or best[:2] == mine[:2]:
        return mine.precision
    raise UnavailableError(
        f'{mine} is slower here than {best}',
        seen=f'{choice[mine].ms:.1f} ms',
        wanted=f'less than {choice[best].ms:.1f} ms',
    )
