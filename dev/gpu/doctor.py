"""doctor's JSON in a file: `python -m dev.gpu.doctor FILE.json [ARGUMENT ...]`.

It is well when doctor examined the machine, whatever it found: that there is no TensorRT is a finding.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run doctor; returns the exit code."""
    command = [sys.executable, '-m', 'restore_node.tools.doctor', '--json', *sys.argv[2:]]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    Path(sys.argv[1]).write_text(ended.stdout, encoding='utf-8')
    try:
        report = json.loads(ended.stdout)
    except ValueError:
        return ended.returncode or 1
    for finding in report['findings']:
        print(f'{finding["state"]:<9} {finding["name"]}: {finding["detail"]}')
    print(f'verdict: {report["verdict"]}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
