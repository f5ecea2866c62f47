"""Run `test/trt` over the true Python bindings of each TensorRT version, a process each: they do not mix."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = re.findall(r'^TENSORRT_VERSIONS=\((.*)\)$', (ROOT / 'dev/setup.sh').read_text(), re.MULTILINE)[0]


@pytest.mark.parametrize('version', VERSIONS.split())
def test_engines_with_the_bindings_of(version: str) -> None:
    bindings = ROOT / '.venv' / 'trt' / f'{version}-{Path(sys.prefix).name}'
    if not (bindings / '.stamp').is_file():
        pytest.skip(f'no bindings of TensorRT {version} for this Python: run dev/setup.sh trt')
    own = {name: value for name, value in os.environ.items() if name != 'PYTEST_ADDOPTS'}
    # A sourced ROS 2's plugins cut loggers off from pytest, and colcon's options name the outer run's report.
    own |= {'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1', 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'test/trt'],
        cwd=ROOT,
        env=own | {'RESTORE_NODE_TEST_TENSORRT': version},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)
