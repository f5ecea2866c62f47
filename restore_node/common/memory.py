"""How this process's memory is kept."""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: The most that glibc takes; a frame of 3840x2160 in 24 bits is smaller.
_MMAP_THRESHOLD = 32 << 20
_TRIM_THRESHOLD = 256 << 20


def keep_freed_memory() -> None:
    """Let memory that was freed be used again, rather than go back to the system: up to 256 MiB of it.

    By its defaults glibc gives the memory of a large image back as soon as nobody uses it, and the next image
    gets it anew, page by page and zeroed, several times on its way (docs/performance.md). Only the system's
    standard library of Linux, glibc, has such a setting; under another one nothing happens.
    """
    if platform.libc_ver()[0] == 'glibc':
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD)
