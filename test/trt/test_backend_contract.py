"""The contract of all backends, kept by TensorRT's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from backend_contract import *  # noqa: F403  its tests run here, with the fixture below
from trt_world import World

from restore_node.backends.tensorrt import TensorRTBackend
from restore_node.common.errors import EngineMissingError
from restore_node.engine.run import ShapeContext
from restore_node.model import Model


class BuildingBackend(TensorRTBackend):
    """Builds the engines it misses, as the node does beside it."""

    built: Callable[[str], None]

    def _context(self, batch: int, height: int, width: int) -> ShapeContext:
        try:
            return super()._context(batch, height, width)
        except EngineMissingError:
            self.built(f'{width}x{height}')
            return super()._context(batch, height, width)


@pytest.fixture
def backend(world: World, model: Model, built: Callable[[str], None]) -> Iterator[TensorRTBackend]:
    backend = BuildingBackend(model, cameras=3)
    backend.built = built
    yield backend
    backend.close()
    assert not world.gpu.leaks()
