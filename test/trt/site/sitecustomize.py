"""On PYTHONPATH, gives every Python process a simulated GPU with TensorRT; see `test/trt/simulation.py`."""

import os
import sys
from pathlib import Path

if 'RESTORE_NODE_TEST_TENSORRT' in os.environ:
    sys.path[:0] = map(str, Path(__file__).resolve().parents[1:3])
    from simulation import install

    install()
