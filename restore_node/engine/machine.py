"""Machine: the GPU and the TensorRT that engines are built and run on, opened in the order that is safe."""

from __future__ import annotations

import platform
import sys
from typing import Any

from restore_node.common.errors import RestoreError
from restore_node.engine.build import BUILDER_REVISION, Recipe
from restore_node.engine.cuda import Cuda, open_cuda
from restore_node.engine.spec import EngineSpec
from restore_node.engine.trt import load_tensorrt
from restore_node.model import INPUT_NAME, OUTPUT_NAME


class Machine:
    """CUDA first, which looks for a driver, then TensorRT, which crashes the process where there is none.

    Attributes:
        cuda: the GPU, open until `close`.
        gpu: what it is.
        library: TensorRT.

    Raises:
        UnavailableError: one of them is missing; nothing is left open.
        CudaError: the GPU is there and refuses; likewise.
    """

    def __init__(self) -> None:
        self.cuda: Cuda = open_cuda()
        try:
            self.gpu = self.cuda.facts()
            self.library = load_tensorrt(self.cuda)
        except RestoreError:
            self.cuda.close()
            raise

    def fields(self, spec: EngineSpec, recipe: Recipe) -> dict[str, Any]:
        """What an engine's key is made of (docs/contracts.md, section 8)."""
        return {
            'graph_sha256': spec.model.card.graphs[recipe.graph]['sha256'],
            'typing': recipe.typing,
            'tensors': [INPUT_NAME, OUTPUT_NAME],
            'builder_revision': BUILDER_REVISION,
            'platform': f'{sys.platform} {platform.machine()}',
            'gpu': self.gpu.name,
            'compute_capability': self.gpu.capability,
            'sm_count': self.gpu.sm_count,
            **self.versions(),
            **spec.fields(),
        }

    def versions(self) -> dict[str, str]:
        """Versions of TensorRT, of the CUDA runtime and of the CUDA that the driver serves."""
        return {
            'tensorrt': self.library.version,
            'cuda_runtime': self.gpu.runtime_version,
            'cuda_driver': self.gpu.driver_version,
        }

    def close(self) -> None:
        """Free what CUDA still lends; closing twice is harmless."""
        self.cuda.close()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
