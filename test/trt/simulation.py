"""A GPU with TensorRT for whole processes: the true bindings with doubles behind them, on a simulated GPU.

The node and the build command that it starts as a child both see it. A file of JSON, read anew at each call,
tells it to fail: `{"cuda": {function: error code}, "damage": grey levels, "abort_build": true}`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bindings import CHOICE, load
from simulated_gpu import SimulatedGpu
from trt_doubles import DOUBLES, Builder
from trt_world import Double, World

import restore_node.engine.cuda
from restore_node.engine.cuda_runtime import CudaResult

#: Names the file that tells what fails.
FAULTS = 'RESTORE_NODE_TEST_FAULTS'


def faults() -> dict[str, Any]:
    """What is to fail now."""
    path = Path(os.environ[FAULTS])
    return json.loads(path.read_text()) if path.is_file() else {}


class TroubledGpu(SimulatedGpu):
    """Fails as the file says."""

    def call(self, function: str, *arguments: int) -> CudaResult:
        self.failures = faults().get('cuda', {})
        return super().call(function, *arguments)


class TroubledWorld(World):
    """Computes what the file says is wrong, and crashes when it is to."""

    @property
    def damage(self) -> int:
        return int(faults().get('damage', 0))

    @damage.setter
    def damage(self, value: int) -> None:
        pass


class CrashingBuilder(Builder):
    """Dies as native code dies."""

    def build_serialized_network(self, network: Any, config: Any) -> Any:
        if faults().get('abort_build'):
            os.abort()
        return super().build_serialized_network(network, config)


def install() -> None:
    """Put it in place for the rest of this process."""
    bindings = load(os.environ[CHOICE])
    gpu = TroubledGpu()
    doubles = {double.__name__: double for double in DOUBLES} | {'Builder': CrashingBuilder}
    for name, double in doubles.items():
        setattr(bindings, f'_real_{double.__name__}', getattr(bindings, name))
        setattr(bindings, name, double)
    Double.world = TroubledWorld(bindings, gpu)

    def only_gpu() -> Iterator[Any]:
        yield lambda: gpu

    restore_node.engine.cuda.candidates = only_gpu
