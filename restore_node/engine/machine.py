"""Machine: the GPU and the TensorRT that engines are built and run on, and which engines serve on it.

Which engine is which, and which one serves, is decided here alone, for the build command and for the backend.
An engine is known by everything it depends on. It serves every shape within its profile: one that was built
for four cameras or for a range of sizes serves a single camera, too, and what fits best comes first.
"""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from restore_node.engine.build import BUILDER_REVISION, choose_recipe
from restore_node.engine.cache import Engine, EngineCache, key_of
from restore_node.engine.cuda import open_cuda
from restore_node.engine.spec import EngineSpec
from restore_node.engine.trt import load_tensorrt
from restore_node.model import INPUT_NAME, OUTPUT_NAME

#: Fields in which an engine may differ from what is asked for and serve all the same.
_ELASTIC = ('shapes', 'optimization_level')


class Machine:
    """CUDA first, which looks for a driver, then TensorRT, which crashes the process where there is none.

    Attributes:
        cuda: the GPU.
        gpu: what it is.
        library: TensorRT.

    Raises:
        UnavailableError: one of them is missing.
        CudaError: the GPU is there and refuses.
    """

    def __init__(self) -> None:
        self.cuda = open_cuda()
        self.gpu = self.cuda.facts()
        self.library = load_tensorrt(self.cuda)

    def versions(self) -> dict[str, str]:
        """Versions of TensorRT, of the CUDA runtime and of the CUDA that the driver serves."""
        return {
            'tensorrt': self.library.version,
            'cuda_runtime': self.gpu.runtime_version,
            'cuda_driver': self.gpu.driver_version,
        }


def fields_of(machine: Machine, spec: EngineSpec) -> dict[str, Any]:
    """What the key of this machine's engine for a spec is made of (docs/contracts.md, section 8).

    Raises:
        ModelError: the model has no graph that this TensorRT can use.
    """
    recipe, gpu = choose_recipe(machine.library, spec.model, spec.precision), machine.gpu
    return {
        'graph_sha256': spec.model.card.graphs[recipe.graph]['sha256'],
        'typing': recipe.typing,
        'tensors': [INPUT_NAME, OUTPUT_NAME],
        'builder_revision': BUILDER_REVISION,
        'platform': f'{sys.platform} {platform.machine()}',
        'gpu': gpu.name,
        'compute_capability': gpu.capability,
        'sm_count': gpu.sm_count,
        **machine.versions(),
        **spec.fields(),
    }


def find_exact(cache: EngineCache, machine: Machine, spec: EngineSpec) -> Engine | None:
    """The engine that was built for just this spec, if it is there and good enough; raises as below."""
    fields = fields_of(machine, spec)
    engine = cache.find(key_of(fields))
    return engine if engine and _misfit(engine.manifest, fields, spec) else None


def find_engine(
    cache: EngineCache, machine: Machine, spec: EngineSpec, refused: Collection[str] = ()
) -> Engine | None:
    """The engine that serves all shapes of a spec best: the exact one, or one with a wider profile.

    It is the one made for the nearest shape, of these the one with the narrowest profile and then with the
    highest level; None if no engine serves. Builds (`Engine.build`) that are `refused` do not.

    Raises:
        EngineError: the cache refuses.
        ModelError: the model has no graph that this TensorRT can use.
    """
    exact = find_exact(cache, machine, spec)
    if exact and exact.build not in refused:
        return exact
    fields = fields_of(machine, spec)
    serving = [
        (misfit, key_of(manifest['fields']))
        for manifest in cache.manifests()
        if (misfit := _misfit(manifest, fields, spec))
    ]
    for _, key in sorted(serving):
        engine = cache.find(key)
        if engine and engine.build not in refused and _misfit(engine.manifest, fields, spec):
            return engine
    return None


def _misfit(
    manifest: Mapping[str, Any], fields: Mapping[str, Any], spec: EngineSpec
) -> tuple[float, float, int] | None:
    """How far an engine is from what is wanted, the less the better; None if it does not serve."""
    try:
        built: dict[str, Any] = manifest['fields']
        smallest, best, largest = built['shapes']
        if (
            any(built[name] != value for name, value in fields.items() if name not in _ELASTIC)
            or not _within(smallest, spec.min_shape)
            or not _within(spec.max_shape, largest)
            or built['optimization_level'] < spec.optimization_level
            or manifest['verified']['psnr_db'] < spec.least_psnr_db
        ):
            return None
        distance = abs(math.log(math.prod(best) / math.prod(spec.opt_shape)))
        spread = math.prod(largest) / math.prod(smallest)
        return distance, spread, -built['optimization_level']
    except (ArithmeticError, KeyError, TypeError, ValueError):  # a manifest of another hand
        return None


def _within(inner: Sequence[int], outer: Sequence[int]) -> bool:
    return all(a <= b for a, b in zip(inner, outer, strict=True))
