"""Fixtures of the tests that need neither ROS 2 nor PyTorch."""

from __future__ import annotations

import pytest
from simulated_gpu import SimulatedGpu

from restore_node.engine.cuda import Cuda


@pytest.fixture
def runtime() -> SimulatedGpu:
    return SimulatedGpu()


@pytest.fixture
def cuda(runtime: SimulatedGpu, monkeypatch: pytest.MonkeyPatch) -> Cuda:
    """A GPU behind `runtime`, which may be lost: what was lost before does not count, nor after the test."""
    monkeypatch.setattr('restore_node.engine.cuda._lost', None)
    return Cuda(runtime)
