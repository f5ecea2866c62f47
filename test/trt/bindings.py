"""The true Python bindings of one TensorRT version, over stub libraries; `dev/setup.sh trt` puts them there.

Run as a program it writes `relied_on.json`: every name of TensorRT that the doubles have, and so all that
`restore_node` can use, how, and in which versions.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RELIED_ON = Path(__file__).with_name('relied_on.json')
#: Names the version that a pytest process tests against.
CHOICE = 'RESTORE_NODE_TEST_TENSORRT'


def installed() -> dict[str, Path]:
    """Folders of the bindings for this Python, by version."""
    environment = Path(sys.prefix).name
    folders = (ROOT / '.venv' / 'trt').glob(f'*-{environment}')
    return {folder.name.rpartition('-')[0]: folder for folder in folders if (folder / '.stamp').is_file()}


def load(version: str) -> ModuleType:
    """Import a version's bindings as `tensorrt`; only one a process, where their types are registered."""
    folder = installed()[version]
    for library in folder.glob('*.so.*'):
        ctypes.CDLL(str(library))  # found again by its soname
    sys.path.insert(0, str(folder))
    import tensorrt_bindings

    sys.modules['tensorrt'] = tensorrt_bindings
    return tensorrt_bindings


def has(real: type, name: str) -> bool:
    """Whether the real class has a public name."""
    return not name.startswith('_') and hasattr(real, name)


def usage_of(real: type, name: str) -> str:
    """How a real class's member is used: `property`, or its arguments, as `(name) | (name profile_index)`."""
    member = getattr(real, name)
    if isinstance(member, property):
        return 'property'
    overloads = re.findall(rf'^\s*(?:\d+\. )?{name}\((self.*)\) ->', member.__doc__, re.MULTILINE)
    return ' | '.join(dict.fromkeys(f'({" ".join(_names(arguments)[1:])})' for arguments in overloads))


def _names(arguments: str) -> list[str]:
    return re.findall(r'(\w+):', re.sub(r'\[.*?\]|<.*?>', '', arguments))


def describe(trt: Any, members: list[str]) -> dict[str, str]:
    """`usage_of` the members, such as `Builder.create_network`, that this version has."""
    described = {}
    for member in members:
        kind, _, name = member.partition('.')
        if has(getattr(trt, kind), name):
            described[member] = usage_of(getattr(trt, kind), name)
    return described


def _write() -> None:
    table: dict[str, dict[str, list[str]]] = {}
    for version in sorted(installed(), key=lambda text: [int(part) for part in text.split('.')]):
        done = subprocess.run(
            [sys.executable, __file__, 'describe'],
            env=os.environ | {CHOICE: version, 'PYTHONPATH': str(ROOT)},
            stdout=subprocess.PIPE,
            check=True,
        )
        for member, usage in json.loads(done.stdout).items():
            table.setdefault(member, {}).setdefault(usage, []).append(version)
    lines = ',\n'.join(f'  {json.dumps(member)}: {json.dumps(usages)}' for member, usages in table.items())
    RELIED_ON.write_text(f'{{\n{lines}\n}}\n')


if __name__ == '__main__':
    if sys.argv[1:] == ['describe']:
        from trt_doubles import members_of_doubles

        sys.stdout.write(json.dumps(describe(load(os.environ[CHOICE]), members_of_doubles())))
    else:
        _write()
