"""What machine this is: `python -m dev.gpu.machine FILE.json`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from restore_node.common.host import describe_host, versions_of

PACKAGES = ('torch', 'tensorrt', 'tensorrt-cu13', 'cuda-bindings', 'onnxruntime', 'onnxruntime-gpu', 'numpy')


def main() -> None:
    """Write host, GPU as nvidia-smi says it, and versions."""
    try:
        smi = subprocess.run(['nvidia-smi'], capture_output=True, text=True, check=False).stdout
    except OSError as error:
        smi = str(error)
    found = {'host': describe_host(), 'versions': versions_of(PACKAGES), 'nvidia-smi': smi.splitlines()}
    text = json.dumps(found, indent=2)
    Path(sys.argv[1]).write_text(text + '\n', encoding='utf-8')
    print(text)


if __name__ == '__main__':
    main()
