"""doctor as a user calls it: `ros2 run`, on the installed package."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

pytestmark = pytest.mark.ros


def test_doctor_of_the_installed_package(make_model, tmp_path):
    command = ['ros2', 'run', 'restore_node', 'doctor', '--model', make_model(), '--size', '48x32', '--json']
    environment = os.environ | {'RESTORE_NODE_CACHE': str(tmp_path / 'cache')}
    done = subprocess.run(
        list(map(str, command)), env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    # ros2 run adds a line of its own when the exit code is not 0.
    report = json.loads(done.stdout[: done.stdout.rindex('}') + 1])
    findings = {finding['name']: finding for finding in report['findings']}
    assert done.returncode == (0 if report['gpu_path'] else 1)
    assert findings['ROS 2']['state'] == 'ok', findings['ROS 2']
    assert findings['ROS 2']['facts']['rmw'].startswith('rmw_')
    assert findings['restore_node']['facts']['path'].endswith('site-packages/restore_node')
    assert findings['onnxruntime cpu']['state'] == 'ok'
