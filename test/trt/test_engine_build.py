"""Building plans over the true bindings: both branches, and every way it can fail."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import trt_doubles
from simulated_gpu import NO_DEVICE
from trt_world import TIMINGS, World

from restore_node.common.errors import BackendError, EngineError, ModelError
from restore_node.engine.build import SerializedEngine, build_plan, choose_recipe
from restore_node.engine.machine import Machine
from restore_node.engine.spec import EngineSpec
from restore_node.model import Model, load_model

Build = Callable[..., SerializedEngine]


@pytest.fixture
def machine(world: World) -> Machine:
    return Machine()


@pytest.fixture
def build(machine: Machine, model: Model) -> Build:
    """`build(precision='fp16', graph=None, **options)` builds an engine of the model for one 16x24 camera."""

    def build(precision: str = 'fp16', graph: bytes | None = None, **options: Any) -> SerializedEngine:
        spec = EngineSpec.for_cameras(model, 24, 16, precision=precision, workspace_mib=256)
        recipe = choose_recipe(machine.library, model, precision)
        data = model.graph(recipe.graph).read_bytes() if graph is None else graph
        return build_plan(machine.library, data, spec, recipe, **options)

    return build


def is_strong(world: World) -> bool:
    return world.trt.__version__ != '10.3.0'


# What is built.


def test_fp16_is_strongly_typed_where_the_version_is_complete(
    build: Build, world: World, model: Model
) -> None:
    plan = build('fp16')
    strong = is_strong(world)
    graph = model.graph('fp16' if strong else 'fp32').read_bytes()
    assert (plan.precision, plan.typing) == ('fp16', 'strong' if strong else 'weak')
    assert bytes(plan.data).endswith(graph)
    assert world.network._is_strong() == strong
    assert {flag.name for flag in world.config._flags} == ({'TF32'} if strong else {'TF32', 'FP16'})


def test_fp32_is_without_tf32(build: Build, world: World, model: Model) -> None:
    plan = build('fp32')
    assert (plan.precision, plan.typing) == ('fp32', 'strong' if is_strong(world) else 'weak')
    assert bytes(plan.data).endswith(model.graph('fp32').read_bytes())
    assert not world.config._flags


def test_int8_computes_what_the_int8_graph_says(build: Build, world: World, model: Model) -> None:
    plan = build('int8')
    strong = is_strong(world)
    assert (plan.precision, plan.typing) == ('int8', 'strong' if strong else 'weak')
    assert bytes(plan.data).endswith(model.graph('int8').read_bytes())
    assert world.network._is_strong() == strong
    flags = {flag.name for flag in world.config._flags}
    assert flags == ({'TF32'} if strong else {'TF32', 'FP16', 'INT8'})


def test_int8_on_a_gpu_without_it_is_said(
    build: Build, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_strong(world):
        pytest.skip('a strongly typed network is not asked what the GPU is fast at')
    monkeypatch.setattr(trt_doubles.Builder, 'platform_has_fast_int8', property(lambda self: False))
    assert build('int8').precision == 'fp32'


def test_model_without_int8_graph(machine: Machine, make_model: Callable[..., Path]) -> None:
    model = load_model(str(make_model(name='single')))
    with pytest.raises(ModelError, match=r'single has no int8 graph.*quantize, or take precision fp16'):
        choose_recipe(machine.library, model, 'int8')


def test_tf32_that_stays_is_said(build: Build, world: World) -> None:
    world.faults['IBuilderConfig.clear_flag'] = None
    assert build('fp32').precision == 'tf32'


def test_model_without_fp16_graph(machine: Machine, world: World, make_model: Callable[..., Path]) -> None:
    model = load_model(str(make_model(name='single')))
    if hasattr(world.trt.BuilderFlag, 'FP16'):
        assert choose_recipe(machine.library, model, 'fp16').graph == 'fp32'
        assert choose_recipe(machine.library, model, 'fp16').typing == 'weak'
    else:
        with pytest.raises(ModelError, match=r'single has no fp16 graph.*export it again.* --precision fp32'):
            choose_recipe(machine.library, model, 'fp16')


def test_settings_arrive(build: Build, world: World) -> None:
    build()
    assert world.config._pools == {world.trt.MemoryPoolType.WORKSPACE: 256 << 20}
    assert world.config.builder_optimization_level == 3
    assert [profile._shapes for profile in world.config._profiles] == [[[1, 16, 24, 3]] * 3]


def test_profile_spans_one_to_all_cameras(machine: Machine, model: Model, world: World) -> None:
    spec = EngineSpec.for_cameras(model, 24, 16, cameras=3, precision='fp32')
    recipe = choose_recipe(machine.library, model, 'fp32')
    build_plan(machine.library, model.graph().read_bytes(), spec, recipe)
    assert world.config._profiles[0]._shapes == [[1, 16, 24, 3], [3, 16, 24, 3], [3, 16, 24, 3]]


def test_progress_counts_up_through_nested_phases(build: Build) -> None:
    said: list[tuple[str, float]] = []
    build(progress=lambda phase, percent: said.append((phase, percent)))
    assert {phase for phase, _ in said} == {'Building Engine'}
    percents = [percent for _, percent in said]
    assert percents == [0, 12, 25, 37, 50, 62, 75, 87, 100]


def test_what_the_builder_uses_lives_until_it_is_done(
    build: Build, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    native = trt_doubles.Builder.build_serialized_network
    config_of = trt_doubles.IBuilderConfig
    monkeypatch.setattr(trt_doubles.OnnxParser, '__del__', lambda self: kept.append('parser'), raising=False)
    monkeypatch.setattr(trt_doubles.ITimingCache, '__del__', lambda self: kept.append('cache'), raising=False)

    def forgetful(self: Any, network: Any, config: Any) -> Any:
        # The true configuration may hold no references either.
        assert isinstance(config, config_of)
        config._cache = None
        assert not kept
        return native(self, network, config)

    monkeypatch.setattr(trt_doubles.Builder, 'build_serialized_network', forgetful)
    gc.collect()  # what earlier tests left
    kept.clear()
    assert build().timing_cache == b''
    assert sorted(kept) == ['cache', 'parser']


def test_listener_that_goes_away_ends_the_build(build: Build) -> None:
    def leave(phase: str, percent: float) -> None:
        raise BrokenPipeError

    # The true bindings swallow it and take it for a cancellation; the doubles let it through.
    with pytest.raises((EngineError, BrokenPipeError)):
        build(progress=leave)


# The timing cache.


def test_timing_cache_goes_in_and_comes_out(build: Build, world: World) -> None:
    first = build().timing_cache
    assert first == TIMINGS + world.trt.__version__.encode()
    build(timing_cache=first)
    assert world.config._cache._data == first


@pytest.mark.parametrize('stored', [b'damaged', TIMINGS + b'9.9'], ids=['damaged', 'of another version'])
def test_timing_cache_that_does_not_fit_only_costs_time(
    build: Build, world: World, stored: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert build(timing_cache=stored).precision == 'fp16'
    assert world.config._cache._data == b''
    assert 'refuses the timing cache' in caplog.text


@pytest.mark.parametrize('fault', ['IBuilderConfig.get_timing_cache', 'ITimingCache.serialize'])
def test_timing_cache_that_is_not_given(build: Build, world: World, fault: str) -> None:
    world.faults[fault] = None
    assert build().timing_cache == b''


# Failures.


@pytest.mark.parametrize(
    ('name', 'answer'),
    [
        ('Builder', TypeError('factory function returned nullptr')),
        ('OnnxParser', TypeError('factory function returned nullptr')),
        ('Builder.create_network', None),
        ('Builder.create_network', TypeError('factory function returned nullptr')),
        ('Builder.create_builder_config', None),
        ('Builder.create_optimization_profile', None),
        ('Builder.build_serialized_network', None),
        ('Builder.build_serialized_network', MemoryError('std::bad_alloc')),
        ('OnnxParser.parse', False),
        ('OnnxParser.parse', RuntimeError('bad graph')),
        ('IOptimizationProfile.set_shape', RuntimeError('inconsistent')),
        ('IBuilderConfig.add_optimization_profile', -1),
        ('IBuilderConfig.set_memory_pool_limit', RuntimeError('too much')),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_failure_is_told_in_tensorrts_words(build: Build, world: World, name: str, answer: Any) -> None:
    world.faults[name] = answer
    with pytest.raises(EngineError, match=r'TensorRT.*as the test wants it') as raised:
        build()
    assert raised.value.__cause__ is (answer if isinstance(answer, Exception) else None)


def test_failure_of_earlier_days_is_not_told(build: Build, world: World) -> None:
    world.faults['Builder.create_network'] = None
    with pytest.raises(EngineError):
        build()
    world.faults = {'Builder.create_builder_config': None}
    world.reason = ''
    with pytest.raises(EngineError, match='made no configuration: got no reason in its log'):
        build()


def test_true_factories_fail_as_errors(
    machine: Machine, bindings: Any, monkeypatch: pytest.MonkeyPatch, build: Build
) -> None:
    monkeypatch.setattr(bindings, 'Builder', bindings._real_Builder)
    with pytest.raises(
        EngineError, match=r'TensorRT has no builder: got .*factory function returned nullptr'
    ):
        build()


def test_refused_node_is_named(build: Build, model: Model) -> None:
    graph = onnx.load(model.graph())
    graph.graph.node[0].CopyFrom(onnx.helper.make_node('Transpose', ['degraded'], ['x'], name='/turn'))
    with pytest.raises(EngineError, match=r"refuses the graph: got Transpose '/turn' \(node 0\): .*UINT8"):
        build(graph=graph.SerializeToString())


def test_garbage_is_refused(build: Build) -> None:
    with pytest.raises(EngineError, match='refuses the graph: got Failed to parse the ONNX model'):
        build(graph=b'no graph at all')


def test_graph_of_other_tensors_is_refused(build: Build, model: Model) -> None:
    graph = onnx.load(model.graph())
    graph.graph.output[0].name = graph.graph.node[-1].output[0] = 'cleaned'
    with pytest.raises(ModelError, match=r'does not keep the contract as TensorRT reads it: got .*cleaned'):
        build(graph=graph.SerializeToString())


# The library.


def test_log_is_routed_by_severity(machine: Machine, world: World, caplog: pytest.LogCaptureFixture) -> None:
    severity = world.trt.ILogger.Severity
    with caplog.at_level(logging.DEBUG, 'restore_node.tensorrt'):
        for kind in (
            severity.INTERNAL_ERROR,
            severity.ERROR,
            severity.WARNING,
            severity.INFO,
            severity.VERBOSE,
        ):
            machine.library.logger.log(kind, f'a line of {kind.name}')
    levels = [record.levelname for record in caplog.records]
    assert levels == ['ERROR', 'ERROR', 'WARNING', 'INFO', 'DEBUG']
    assert machine.library.logger.last_error == 'a line of ERROR'


def test_version_is_known_in_all_parts(machine: Machine, world: World) -> None:
    assert machine.library.version == world.trt.__version__
    assert list(machine.library.number) == [int(part) for part in world.trt.__version__.split('.')]
    assert machine.versions()['tensorrt'] == world.trt.__version__


def test_without_driver_nothing_of_tensorrt_is_touched(world: World) -> None:
    world.gpu.failures['cudaGetDeviceCount'] = NO_DEVICE
    with pytest.raises(BackendError, match='simulated: no GPU'):
        Machine()
    assert not world.calls
