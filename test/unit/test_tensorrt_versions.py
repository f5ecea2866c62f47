"""Run `test/trt` over the true Python bindings of each TensorRT version, a process each: they do not mix."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('version', ['10.3.0', '10.13.3.9', '11.4.0.106'])
def test_engines_with_the_bindings_of(version: str) -> None:
    bindings = ROOT / '.venv' / 'trt' / f'{version}-{Path(sys.prefix).name}'
    if not (bindings / '.stamp').is_file():
        pytest.skip(f'no bindings of TensorRT {version} for this Python: run dev/setup.sh trt')
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'test/trt'],
        cwd=ROOT,
        env=os.environ | {'RESTORE_NODE_TEST_TENSORRT': version, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
