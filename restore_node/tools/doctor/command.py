"""`doctor [--model M] [--size WxH] [--json]`: examine this machine.

Exit code 0 when the GPU path works, 1 when it does not (the report says whether the CPU path does), 2 for bad
arguments.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from rich.console import Console

from restore_node.tools.doctor.examination import Examination
from restore_node.tools.doctor.report import print_finding, print_verdict
from restore_node.tools.shared.cli import DEFAULT_MODEL, parse_size, run_command

EXIT_NO_GPU_PATH = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='doctor', description='Say what works on this machine, what does not, and how to mend it.'
    )
    parser.add_argument(
        '--model', default=DEFAULT_MODEL, help=f'name or .onnx path of a model (default {DEFAULT_MODEL})'
    )
    parser.add_argument(
        '--size', default='640x360', metavar='WxH', help="the camera's size (default 640x360)"
    )
    parser.add_argument('--json', action='store_true', help='print JSON, for machines')
    given = parser.parse_args(arguments)
    run_command(lambda: _examine(given))


def _examine(given: argparse.Namespace) -> int:
    console, progress = Console(), Console(stderr=True)
    with progress.status('starting') as status:
        examination = Examination(given.model, parse_size(given.size), status.update)
        for finding in examination.run():
            if not given.json:
                print_finding(console, finding)
    if given.json:
        print(json.dumps(examination.as_dict(), indent=2))
    else:
        print_verdict(console, examination.verdict(), examination.has_gpu_path)
    return 0 if examination.has_gpu_path else EXIT_NO_GPU_PATH
