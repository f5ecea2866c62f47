"""Building a TensorRT plan from a model's graph: one function, and the choice of typing it follows.

From TensorRT 10.12 networks are strongly typed: the fp16 graph says itself what is computed in fp16. Older
ones get the fp32 graph and the flag that allows fp16, and TensorRT chooses by layer. What is computed in int8
the int8 graph says, to both: by its pairs of QuantizeLinear and DequantizeLinear. Older ones need a flag.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from restore_node.common.errors import EngineError, ModelError
from restore_node.engine.spec import EngineSpec
from restore_node.engine.trt import LOG, BuildProgress, TensorRT
from restore_node.model import INPUT_NAME, OUTPUT_NAME, Model

#: Part of every engine's key: raise it when a change here makes other engines of the same inputs.
BUILDER_REVISION = 1
#: The flag is older, but NVIDIA calls strong typing complete from this version on.
STRONG_TYPING_SINCE = (10, 12)

STRONG, WEAK = 'strong', 'weak'
#: The precision that is obtained where TF32 cannot be cleared.
TF32 = 'tf32'


@dataclass(frozen=True)
class Recipe:
    """How this TensorRT makes an engine of a precision.

    Attributes:
        graph: the graph of the model that it starts from, `fp32`, `fp16` or `int8`.
        typing: `strong` or `weak`.
    """

    graph: str
    typing: str


@dataclass(frozen=True)
class SerializedEngine:
    """A serialised engine.

    Attributes:
        data: its bytes, in TensorRT's own memory.
        precision: what was really obtained: `int8`, `fp16`, `fp32` or `tf32`.
        typing: `strong` or `weak`.
        build_s: seconds that the build took.
        timing_cache: TensorRT's timing cache after the build, empty if it has none.
    """

    data: memoryview
    precision: str
    typing: str
    build_s: float
    timing_cache: bytes


def choose_recipe(library: TensorRT, model: Model, precision: str) -> Recipe:
    """Choose graph and typing for a precision.

    Raises:
        ModelError: the model has no graph of this precision and this TensorRT cannot do without.
    """
    typing = STRONG if library.number >= STRONG_TYPING_SINCE else WEAK
    if precision == 'fp32':
        return Recipe('fp32', typing)
    if precision == 'int8':
        if precision in model.card.graphs:
            return Recipe(precision, typing)
        raise ModelError(
            f'model {model.card.name} has no int8 graph',
            wanted='one, which says where to quantise and by how much',
            fix='make it with python -m training.commands.quantize, or take precision fp16',
        )
    if typing == STRONG and 'fp16' in model.card.graphs:
        return Recipe('fp16', STRONG)
    if hasattr(library.module.BuilderFlag, 'FP16'):
        return Recipe('fp32', WEAK)
    raise ModelError(
        f'model {model.card.name} has no fp16 graph',
        wanted=f'one, for TensorRT {library.version} computes what the graph says',
        fix='export it again with python -m training.commands.export, or build with --precision fp32',
    )


def build_plan(
    library: TensorRT,
    graph: bytes,
    spec: EngineSpec,
    recipe: Recipe,
    *,
    progress: Callable[[str, float], None] = lambda phase, percent: None,
    timing_cache: bytes = b'',
) -> SerializedEngine:
    """Build an engine on this machine's GPU; takes minutes and cannot be interrupted from Python.

    Args:
        library: TensorRT, which logs to `LOG`.
        graph: the ONNX bytes of `recipe.graph`.
        spec: what is wanted.
        recipe: from `choose_recipe`.
        progress: called with a phase's name and percentage, from TensorRT's threads; see `BuildProgress`.
        timing_cache: an earlier `SerializedEngine.timing_cache` of the same GPU and TensorRT.

    Raises:
        EngineError: TensorRT refuses or fails, in its own words.
        ModelError: the graph does not keep the contract.
    """
    trt = library.module
    started = time.monotonic()
    builder = library.call('TensorRT has no builder', trt.Builder, library.logger)
    flags = trt.NetworkDefinitionCreationFlag
    is_flagged = recipe.typing == STRONG and hasattr(flags, 'STRONGLY_TYPED')
    typing = 1 << int(flags.STRONGLY_TYPED) if is_flagged else 0
    network = library.call('TensorRT made no network', builder.create_network, typing)
    # What the builder uses must live until the build is done: the parser, which owns the weights, the monitor
    # and the timings are kept by these names.
    parser = library.call('TensorRT made no ONNX parser', trt.OnnxParser, network, library.logger)
    _parse(library, parser, graph)
    _check_network(network)
    config = library.call('TensorRT made no configuration', builder.create_builder_config)
    monitor = library.progress_monitor(BuildProgress(progress))
    with library.failures('TensorRT refuses the build settings'):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, spec.workspace_mib << 20)
        config.builder_optimization_level = spec.optimization_level
        config.progress_monitor = monitor
        precision = _set_precision(trt, builder, config, spec.precision, recipe)
    _pin_shapes(library, builder, config, spec)
    timings = _use_timing_cache(library, config, timing_cache)
    data = library.call(
        f'TensorRT could not build {spec}',
        builder.build_serialized_network,
        network,
        config,
        fix='stop other users of the GPU, or lower --workspace-mib, --batch or --size',
    )
    built_s = time.monotonic() - started
    timing_cache = _timing_cache_of(config)
    del parser, monitor, timings
    return SerializedEngine(memoryview(data), precision, recipe.typing, built_s, timing_cache)


def _parse(library: TensorRT, parser: Any, graph: bytes) -> None:
    what = 'TensorRT refuses the graph'
    with library.failures('TensorRT failed to read the graph'):
        parsed = parser.parse(graph)
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        faults = [f'{e.node_operator()} {e.node_name()!r} (node {e.node()}): {e.desc()}' for e in errors]
    if faults:
        fix = 'export it again with python -m training.commands.export'
        raise EngineError(what, seen='; '.join(faults), fix=fix)
    if not parsed:
        raise library.failure(what)


def _check_network(network: Any) -> None:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    seen = [[(tensor.name, tensor.dtype.name) for tensor in tensors] for tensors in (inputs, outputs)]
    if seen != [[(INPUT_NAME, 'UINT8')], [(OUTPUT_NAME, 'UINT8')]]:
        raise ModelError(
            'the graph does not keep the contract as TensorRT reads it',
            seen=f'inputs {seen[0]}, outputs {seen[1]}',
            wanted=f'input {INPUT_NAME} and output {OUTPUT_NAME}, both UINT8',
            fix='export it again with python -m training.commands.export',
        )


def _set_precision(trt: Any, builder: Any, config: Any, precision: str, recipe: Recipe) -> str:
    """Set or clear what decides the precision; return the one that this really gives."""
    if precision == 'fp32':
        if not hasattr(trt.BuilderFlag, 'TF32'):
            return 'fp32'
        config.clear_flag(trt.BuilderFlag.TF32)
        return TF32 if config.get_flag(trt.BuilderFlag.TF32) else 'fp32'
    if recipe.typing == STRONG:
        return precision
    config.set_flag(trt.BuilderFlag.FP16)  # for int8, too: it may serve the layers that stay in float
    if precision == 'int8':
        config.set_flag(trt.BuilderFlag.INT8)
    return precision if getattr(builder, f'platform_has_fast_{precision}', True) else 'fp32'


def _pin_shapes(library: TensorRT, builder: Any, config: Any, spec: EngineSpec) -> None:
    what = f'TensorRT refuses the shapes of {spec}'
    profile = library.call(what, builder.create_optimization_profile)
    shapes = [(*shape, 3) for shape in (spec.min_shape, spec.opt_shape, spec.max_shape)]
    with library.failures(what):
        profile.set_shape(INPUT_NAME, *shapes)
        index = config.add_optimization_profile(profile)
    if index != 0:
        raise library.failure(what, seen=f'profile {index}')


def _use_timing_cache(library: TensorRT, config: Any, stored: bytes) -> Any:
    """Build with the timings of earlier builds; without them where they do not fit, which only costs time."""
    what = 'TensorRT refuses the timing cache'
    for data in (stored, b''):
        try:
            cache = library.call(what, config.create_timing_cache, data)
            library.call(what, config.set_timing_cache, cache, False)
            return cache
        except EngineError as error:
            LOG.warning('%s', error)
    return None


def _timing_cache_of(config: Any) -> bytes:
    cache = config.get_timing_cache()
    data = cache.serialize() if cache is not None else None
    return bytes(data) if data is not None else b''
