"""The node under each ROS 2 distribution and RMW that the set-up shell offers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros

ROOT = Path(__file__).resolve().parents[2]
ROS = (
    'AMENT_PREFIX_PATH',
    'COLCON_PREFIX_PATH',
    'LD_LIBRARY_PATH',
    'PYTHONPATH',
    'ROS_',
    'RESTORE_NODE_',
    'RMW_',
)


@pytest.mark.parametrize('rmw', ['rmw_fastrtps_cpp', 'rmw_cyclonedds_cpp'])
@pytest.mark.parametrize('distro', ['jazzy', 'humble'])
def test_starts_restores_and_stops(distro, rmw, tmp_path):
    if 'RESTORE_NODE_REGISTRY_ROS' not in os.environ:
        pytest.skip('a ROS 2 of the user is sourced: the other distributions are not at hand')
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ROS)}
    run = subprocess.run(
        [
            ROOT / 'dev' / 'ros2_run.sh',
            '--distro',
            distro,
            'python',
            ROOT / 'test/ros/first_light.py',
            tmp_path,
        ],
        env=environment | {'RMW_IMPLEMENTATION': rmw},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f'restored under {distro} and {rmw}' in run.stdout
