"""The fallback chain: in which order backends are tried (docs/contracts.md, section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def fallback_chain(
    backend: str = AUTO, device: str = AUTO, threads: int = 0, engine: Mapping[str, Any] | None = None
) -> list[Candidate]:
    """The ways of running a model that a user allows, best first.

    Args:
        backend: one of `BACKENDS`, or `auto`: the best that works.
        device: one of `DEVICES`.
        threads: CPU threads; 0 takes one per core.
        engine: options of the TensorRT backend by name.

    Raises:
        BackendError: an unknown name, or a backend that does not run on the device.
    """
    for name, value, known in (('backend', backend, (AUTO, *BACKENDS)), ('device', device, DEVICES)):
        if value not in known:
            raise BackendError(f'unknown {name}', seen=repr(value), wanted=f'one of {", ".join(known)}')
    ways = [
        (one, where)
        for one, where in _ALL
        if backend == one or (backend == AUTO and one != 'passthrough')
        if device in (AUTO, where) or one == 'passthrough'
    ]
    if not ways:
        raise BackendError(f'backend {backend} does not run on device {device}', fix='change one')
    return [
        Candidate(' '.join(way), partial(_open, ways[index:], threads, engine or {}), on_gpu=way[1] == 'cuda')
        for index, way in enumerate(ways)
    ]


def _open(ways: Sequence[tuple[str, str]], threads: int, engine: Mapping[str, Any], model: str) -> Backend:
    """Open the first of these ways, of which the others may be taken in its place."""
    (backend, device), loaded = ways[0], load_model(model)
    extra = engine if backend == 'tensorrt' else {}
    if backend == 'openvino':
        extra = {'precision': _fastest_precision(loaded, threads, ways)}
    opened = create_backend(backend, loaded, device, threads, **extra)
    try:
        opened.open()
        opened.warm_up()
    except Exception:
        opened.close()
        raise
    return opened


def _fastest_precision(model: Model, threads: int, ways: Sequence[tuple[str, str]]) -> str:
    """What OpenVINO is the fastest in on a device, which is the first of these ways.

    Raises:
        UnavailableError: another one of them is faster than all of it.
    """
    choice = choose(model, threads)
    mine = best_of(choice, lambda way: way[:2] == ways[0])
    if mine is None:
        return AUTO  # and opening it says why it does not run
    best = best_of(choice, lambda way: way[:2] in ways)
    if best is None or best[:2] == mine[:2]:
        return mine.precision
    raise UnavailableError(
        f'{mine} is slower here than {best}',
        seen=f'{choice[mine].ms:.1f} ms',
        wanted=f'less than {choice[best].ms:.1f} ms',
    )
