"""What machine this is, for reports: a figure means nothing without it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

ROOT = Path('/')


def describe_host(root: Path = ROOT) -> dict[str, str | int]:
    """Board, processor, cores that this process may use, memory, operating system and Python.

    Args:
        root: the file system to read; another one in tests.
    """
    facts: dict[str, str | int] = {
        'board': _text(root / 'proc/device-tree/model').rstrip('\0'),
        'cpu': _field(root / 'proc/cpuinfo', 'model name', ':') or platform.machine(),
        'cores': len(os.sched_getaffinity(0)),
        'memory_mib': _memory_mib(root),
        'os': _field(root / 'etc/os-release', 'PRETTY_NAME', '=').strip('"') or platform.system(),
        'jetson': _text(root / 'etc/nv_tegra_release').partition('\n')[0].lstrip('# '),
        'kernel': platform.release(),
        'python': platform.python_version(),
    }
    return {name: value for name, value in facts.items() if value}


def host_line(facts: dict[str, str | int]) -> str:
    """Return the same in one line, shortened to what decides speed."""
    return f'{facts.get("board", facts["cpu"])}, {facts["cores"]} cores'


def _memory_mib(root: Path) -> int:
    words = _field(root / 'proc/meminfo', 'MemTotal', ':').split()
    return int(words[0]) // 1024 if words and words[0].isdigit() else 0


def _field(path: Path, name: str, separator: str) -> str:
    for line in _text(path).splitlines():
        key, found, value = line.partition(separator)
        if found and key.strip() == name:
            return value.strip()
    return ''


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''
