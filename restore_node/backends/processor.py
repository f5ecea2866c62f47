"""Which processor this is and what it computes fast, as Linux tells."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path('/proc/cpuinfo')
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


def this_processor(cpuinfo: Path = CPUINFO) -> Processor:
    """Read what Linux says of the first core.

    Args:
        cpuinfo: the file to read; another one in tests.
    """
    try:
        text = cpuinfo.read_text(encoding='utf-8', errors='replace')
    except OSError:
        text = ''
    fields: dict[str, str] = {}
    for line in text.partition('\n\n')[0].splitlines():
        key, _, value = line.partition(':')
        fields[key.strip()] = value.strip()
    flags = fields.get('flags') or fields.get('Features') or ''
    name = fields.get('model name') or platform.machine()
    return Processor(name, frozenset(flags.split()), len(os.sched_getaffinity(0)))
