"""All doubles of TensorRT's native objects, see `trt_world`."""

from __future__ import annotations

from trt_builder import (
    Builder,
    IBuilderConfig,
    IHostMemory,
    INetworkDefinition,
    IOptimizationProfile,
    ITensor,
    ITimingCache,
    OnnxParser,
    ParserError,
)
from trt_runtime import ICudaEngine, IExecutionContext, Runtime

DOUBLES = (
    Builder,
    IBuilderConfig,
    ICudaEngine,
    IExecutionContext,
    IHostMemory,
    INetworkDefinition,
    IOptimizationProfile,
    ITensor,
    ITimingCache,
    OnnxParser,
    ParserError,
    Runtime,
)


def members_of_doubles() -> list[str]:
    """What the doubles have, such as `Builder.create_network`."""
    return [
        f'{double.__name__}.{name}' for double in DOUBLES for name in vars(double) if not name.startswith('_')
    ]
