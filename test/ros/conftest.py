"""Fixtures of the tests over real DDS; without a ROS 2 in the environment they are not collected."""

from __future__ import annotations

import importlib.util

import pytest

collect_ignore_glob = [] if importlib.util.find_spec('rclpy') else ['*.py']


@pytest.fixture
def bench():
    """A `Bench`; the nodes it started are gone after the test."""
    from node_harness import Bench

    bench = Bench()
    yield bench
    bench.close()
