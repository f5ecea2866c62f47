"""Fixtures of the tests over real DDS; without a ROS 2 in the environment they are not collected."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

collect_ignore_glob = [] if importlib.util.find_spec('rclpy') else ['*.py']

# Its sitecustomize makes a node's backend hang on demand.
SITE = Path(__file__).resolve().parent / 'site'


@pytest.fixture
def bench():
    """A `Bench`; the nodes it started are gone after the test."""
    from node_harness import Bench

    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture
def hang(bench, tmp_path):
    """The file that makes calls into ONNX Runtime hang while it exists."""
    file = tmp_path / 'hang'
    bench.environment = os.environ | {
        'RESTORE_NODE_TEST_HANG': str(file),
        'PYTHONPATH': f'{SITE}{os.pathsep}{os.environ["PYTHONPATH"]}',
    }
    return file
