"""What machine this is, as Linux tells: it decides what is fast, and a figure means nothing without it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

ROOT = Path('/')
#: Flags of x86 processors that multiply and add bytes in one instruction, and their names.
_VNNI = {'avx512_vnni': 'AVX512-VNNI', 'avx_vnni': 'AVX-VNNI'}
_BF16 = {'amx_bf16': 'AMX', 'avx512_bf16': 'AVX512-BF16'}


@dataclass(frozen=True)
class Processor:
    """A processor.

    Attributes:
        name: as its maker calls it; the architecture where that is not told.
        flags: what it can do, as Linux names it (`avx512_vnni`); empty where Linux does not say.
        cores: how many this process may use.
    """

    name: str
    flags: frozenset[str]
    cores: int

    @property
    def has_vnni(self) -> bool:
        """Whether int8 is faster than fp32: without these instructions bytes are widened first."""
        return not self.flags.isdisjoint(_VNNI)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of those of its instructions that decide which precision is fast."""
        return tuple(name for flag, name in (_BF16 | _VNNI).items() if flag in self.flags)


def this_processor(cpuinfo: Path = ROOT / 'proc/cpuinfo') -> Processor:
    """Read what Linux says of the first core, in `cpuinfo` (another file in tests)."""
    first = _text(cpuinfo).partition('\n\n')[0]
    flags = _field(first, 'flags') or _field(first, 'Features')
    name = _field(first, 'model name') or platform.machine()
    return Processor(name, frozenset(flags.split()), len(os.sched_getaffinity(0)))


def describe_host(root: Path = ROOT) -> dict[str, str | int]:
    """Board, processor, cores that this process may use, memory, system and Python, read below `root`."""
    processor = this_processor(root / 'proc/cpuinfo')
    memory_kib = _field(_text(root / 'proc/meminfo'), 'MemTotal').partition(' ')[0]
    release = _field(_text(root / 'etc/os-release'), 'PRETTY_NAME', '=')
    facts: dict[str, str | int] = {
        'board': _text(root / 'proc/device-tree/model').rstrip('\0'),
        'cpu': processor.name,
        'cores': processor.cores,
        'memory_mib': int(memory_kib) // 1024 if memory_kib.isdigit() else 0,
        'os': release.strip('"') or platform.system(),
        'jetson': _text(root / 'etc/nv_tegra_release').partition('\n')[0].lstrip('# '),
        'kernel': platform.release(),
        'python': platform.python_version(),
    }
    return {name: value for name, value in facts.items() if value}


def host_line(facts: dict[str, str | int]) -> str:
    """Return the same in one line, shortened to what decides speed."""
    return f'{facts.get("board", facts["cpu"])}, {facts["cores"]} cores'


def user_cache(name: str) -> Path:
    """A folder in the user's cache folder, by the XDG base directory specification; it may not be there yet.

    Raises:
        RuntimeError: the user has no home directory.
    """
    caches = Path(os.environ.get('XDG_CACHE_HOME', ''))
    # The specification ignores those that are not absolute.
    return (caches if caches.is_absolute() else Path.home() / '.cache') / name


def utc_now() -> str:
    """The time in UTC, to the second, as ISO 8601 writes it."""
    return datetime.now(timezone.utc).isoformat(timespec='seconds')


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of these packages that are installed."""
    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _field(text: str, name: str, separator: str = ':') -> str:
    for line in text.splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip()
    return ''


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''
