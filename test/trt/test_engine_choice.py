"""Which engine serves: built by the command, found by the node's backend, over the true bindings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from trt_world import World

from restore_node.backends.registry import create_backend
from restore_node.backends.tensorrt import TensorRTBackend
from restore_node.common.errors import EngineError, EngineMissingError
from restore_node.engine.cache import EngineCache
from restore_node.engine.machine import Machine, find_engine
from restore_node.engine.spec import EngineSpec
from restore_node.model import Model

Built = Callable[..., None]
#: What the node passes by default.
NODE = {
    'precision': 'fp16',
    'optimization_level': 3,
    'workspace_mib': 1024,
    'min_psnr_db': 0.0,
    'zero_copy': False,
}


def node_backend(model: Model, **options: Any) -> TensorRTBackend:
    """The backend as the node makes it."""
    backend = create_backend('tensorrt', model, 'cuda', 0, **(NODE | options))
    assert isinstance(backend, TensorRTBackend)
    return backend


def restores(backend: TensorRTBackend, batch: int, height: int, width: int) -> bool:
    """Whether it has an engine for the shape; what it computes with it must be right."""
    try:
        images = backend.staging(batch, height, width)
    except EngineMissingError:
        return False
    images[:] = 7
    np.testing.assert_array_equal(backend.restore(images), 17)
    return True


# What the command builds, the node finds.


def test_engine_for_several_cameras_serves_one(world: World, model: Model, built: Built) -> None:
    built('64x32', 4)
    with node_backend(model) as backend:
        assert restores(backend, 1, 32, 64)
        assert restores(backend, 4, 32, 64)
        assert not restores(backend, 5, 32, 64)
        assert not restores(backend, 1, 32, 56)


def test_engine_for_a_range_of_sizes_serves_all_of_them(world: World, model: Model, built: Built) -> None:
    built('32x16', 1, '--max-size', '64x32')
    with node_backend(model) as backend:
        assert all(restores(backend, 1, *size) for size in ((16, 32), (24, 40), (32, 64)))
        assert not any(restores(backend, 1, *size) for size in ((8, 32), (16, 24), (32, 72), (40, 64)))
        assert not restores(backend, 2, 16, 32)
        assert world.calls.count('Runtime.deserialize_cuda_engine') == 2  # once verified, once for all sizes


def test_engine_of_an_odd_camera_is_found_at_its_padded_size(
    world: World, model: Model, built: Built
) -> None:
    built('61x30', 1)
    with node_backend(model) as backend:
        assert restores(backend, 1, 32, 64)


def test_higher_effort_serves_and_lower_does_not(world: World, model: Model, built: Built) -> None:
    built('64x32', 1, '--optimization-level', '4')
    for level, found in ((3, True), (4, True), (5, False)):
        with node_backend(model, optimization_level=level) as backend:
            assert restores(backend, 1, 32, 64) == found


@pytest.mark.parametrize(
    ('options', 'asked'),
    [
        (('--workspace-mib', '512'), {'workspace_mib': 512}),
        (('--precision', 'fp32'), {'precision': 'fp32'}),
        (('--precision', 'int8'), {'precision': 'int8'}),
    ],
)
def test_other_memory_and_precision_are_other_engines(
    world: World, model: Model, built: Built, options: tuple[str, ...], asked: dict[str, Any]
) -> None:
    built('64x32', 1, *options)
    with node_backend(model) as backend:
        assert not restores(backend, 1, 32, 64)
    with node_backend(model, **asked) as backend:
        images = backend.staging(1, 32, 64)
        images[:] = 8
        np.testing.assert_array_equal(backend.restore(images), 18)


def test_engine_less_alike_than_the_node_asks_for_is_not_used(
    world: World, model: Model, built: Built
) -> None:
    world.damage = 3  # 38.6 dB
    built('64x32', 1, '--min-psnr', '30')
    world.damage = 0
    with node_backend(model) as backend:
        with pytest.raises(EngineMissingError) as missing:
            backend.staging(1, 32, 64)
        assert missing.value.spec.least_psnr_db == 40.0
    with node_backend(model, min_psnr_db=30.0) as backend:
        assert restores(backend, 1, 32, 64)
    built('64x32', 1)  # the command builds a better one in its place
    with node_backend(model) as backend:
        assert restores(backend, 1, 32, 64)


@pytest.mark.parametrize('name', ['gpu', 'tensorrt', 'cuda_driver', 'graph_sha256', 'builder_revision'])
def test_engine_of_other_circumstances_is_not_used(
    world: World, model: Model, built: Built, name: str
) -> None:
    built('64x32', 4)
    cache = EngineCache()
    (manifest,) = cache.manifests()
    fields = manifest['fields'] | {name: 'other'}
    spec = EngineSpec.for_cameras(model, 64, 32)
    machine = Machine()
    assert find_engine(cache, machine, spec)
    (path,) = (cache.folder / 'engines').glob('*.json')
    path.write_text(json.dumps(manifest | {'fields': fields}))
    assert find_engine(cache, machine, spec) is None


# What fits best comes first.


@pytest.fixture
def chosen(world: World, model: Model) -> Callable[..., Any]:
    """`chosen(width, height, cameras)` is the profile of the engine that serves; None without one."""

    def choose(width: int, height: int, cameras: int = 1) -> Any:
        spec = EngineSpec.for_cameras(model, width, height, cameras)
        engine = find_engine(EngineCache(), Machine(), spec)
        return engine and engine.manifest['fields']['shapes']

    return choose


def test_best_fit_comes_first(built: Built, chosen: Callable[..., Any]) -> None:
    assert chosen(32, 16) is None
    built('32x16', 1, '--max-size', '64x32')
    of_all_sizes = [[1, 16, 32], [1, 16, 32], [1, 32, 64]]
    assert chosen(32, 16) == chosen(64, 32) == of_all_sizes
    built('64x32', 5)
    assert chosen(64, 32, 3) == [[1, 32, 64], [5, 32, 64], [5, 32, 64]]
    # Made for a quarter of the pixels; the other one for five times as many.
    assert chosen(64, 32) == of_all_sizes
    built('64x32', 2)
    assert chosen(64, 32) == [[1, 32, 64], [2, 32, 64], [2, 32, 64]]
    built('64x32', 1)
    assert chosen(64, 32) == [[1, 32, 64]] * 3
    assert chosen(32, 16) == of_all_sizes


def test_damaged_engine_gives_way_to_the_next_best(built: Built, chosen: Callable[..., Any]) -> None:
    built('64x32', 2)
    built('64x32', 1)
    assert chosen(64, 32) == [[1, 32, 64]] * 3
    cache = EngineCache()
    (exact,) = (m for m in cache.manifests() if m['fields']['shapes'][2][0] == 1)
    (cache.folder / 'engines' / f'{exact["key"][:32]}.plan').write_bytes(b'no plan')
    assert chosen(64, 32) == [[1, 32, 64], [2, 32, 64], [2, 32, 64]]


@pytest.mark.parametrize(
    'change',
    [
        {'fields': 5},
        {'fields': {}},
        {'verified': {'psnr_db': None}},
        {'shapes': [[1, 32, 64], [0, 32, 64], [2, 32, 64]]},
        {'shapes': [[1, 32], [1, 32, 64], [2, 32, 64]]},
        {'shapes': [1, 2, 3]},
        {'shapes': 'none'},
    ],
    ids=str,
)
def test_manifest_of_another_hand_is_passed_over(
    built: Built, chosen: Callable[..., Any], change: dict[str, Any]
) -> None:
    built('64x32', 2)
    cache = EngineCache()
    (manifest,) = cache.manifests()
    if 'shapes' in change:
        change = {'fields': manifest['fields'] | change}
    (cache.folder / 'engines' / f'{"0" * 32}.json').write_text(json.dumps(manifest | change))
    (cache.folder / 'engines' / f'{"0" * 32}.json').chmod(0o600)
    assert chosen(64, 32) == [[1, 32, 64], [2, 32, 64], [2, 32, 64]]


# Engines that do not load.


def test_engine_that_another_node_has_rebuilt_is_used(
    world: World, model: Model, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While this node finds that the engine it read does not load, another one has built it anew."""
    built('64x32', 1)
    cache, load = EngineCache(), world.trt.Runtime.deserialize_cuda_engine
    (old,) = cache.manifests()

    def fail_late(self: Any, plan: bytes) -> None:
        monkeypatch.setattr(world.trt.Runtime, 'deserialize_cuda_engine', load)
        engine = cache.find(old['key'])
        assert engine
        assert cache.quarantine(engine, 'does not load')
        built('64x32', 1)

    monkeypatch.setattr(world.trt.Runtime, 'deserialize_cuda_engine', fail_late)
    with node_backend(model) as backend:
        assert restores(backend, 1, 32, 64)
    (new,) = cache.manifests()
    assert (new['key'], new['build'] == old['build']) == (old['key'], False)


def test_wider_engine_serves_where_the_exact_one_does_not_load(
    world: World, model: Model, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    built('64x32', 2)
    built('64x32', 1)
    load = world.trt.Runtime.deserialize_cuda_engine
    monkeypatch.setattr(
        world.trt.Runtime,
        'deserialize_cuda_engine',
        lambda self, plan: None if b'[[1, 32, 64, 3], [1, 32, 64, 3]' in bytes(plan) else load(self, plan),
    )
    with node_backend(model) as backend:
        assert restores(backend, 1, 32, 64)
    (left,) = EngineCache().manifests()
    assert left['fields']['shapes'][2] == [2, 32, 64]


def test_model_whose_engines_do_not_load_is_not_built_for_ever(
    world: World, model: Model, built: Built
) -> None:
    """The node then goes to its next backend: this one does not open any more."""
    for attempt in range(2):
        built('64x32', 1)
        world.faults['Runtime.deserialize_cuda_engine'] = None
        with node_backend(model) as backend, pytest.raises(EngineError) as raised:
            backend.staging(1, 32, 64)
        assert isinstance(raised.value, EngineMissingError) == (attempt == 0)
        world.faults.clear()
    with pytest.raises(EngineError, match=r'cannot run model plus-ten.*does not load, built anew either'):
        node_backend(model).open()
    assert not world.gpu.leaks()
