"""Folders and files that only their owner can have made: what is read here may be run as native code."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from restore_node.common import atomic
from restore_node.common.errors import EngineError

#: What the file system has against writing in the cache folder.
writing = partial(
    atomic.writing,
    error=EngineError,
    fix='check free space and permissions, or set RESTORE_NODE_CACHE',
)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(folder: Path) -> None:
    """Make a folder of mode 0700 unless it is there.

    Raises:
        EngineError: it cannot be made, is no folder or a link to one, belongs to someone else, or others may
            enter it.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    fault = 'no folder' if not stat.S_ISDIR(found.st_mode) else _fault_of(found)
    if fault:
        raise EngineError(
            f'engines are native code, and {folder} may hold those of others',
            seen=fault,
            wanted='a folder of mode 0700 that belongs to you',
            fix='chmod 700 it if you trust what is in it, or set RESTORE_NODE_CACHE to another place',
        )


def read_private(path: Path) -> bytes:
    """Read a file that only its owner, who runs this, may touch.

    Raises:
        OSError: it cannot be read, as FileNotFoundError.
        PermissionError: it is a link or no plain file, belongs to someone else, or others may touch it.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), 'rb') as file:  # noqa: PTH123
        found = os.fstat(file.fileno())
        fault = 'no plain file' if not stat.S_ISREG(found.st_mode) else _fault_of(found)
        if fault:
            raise PermissionError(fault)
        return file.read()


def write_private(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Write a file of mode 0600 that appears under its name only when all of it is on the disk.

    Its unfinished name is always the same, so that what a killed process left is overwritten: two writers of
    one file need a lock.

    Raises:
        OSError: the disk refuses; nothing is left behind.
    """
    with atomic.replacing(path) as unfinished:
        unfinished.unlink(missing_ok=True)
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'wb') as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    atomic.sync(path.parent)


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[bool]:
    """Hold the lock of a lock file, which stays behind; the system takes the lock from a process that dies.

    Where somebody else holds it, `on_wait` is called, and waiting takes as long as that takes; without
    `on_wait` nobody waits. Yields whether the lock is held. Raises EngineError if the file system refuses.
    """
    with writing(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        held = False
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        if not held and on_wait:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
            held = True
        yield held
    finally:
        os.close(handle)


def _fault_of(found: os.stat_result) -> str:
    if found.st_uid != os.geteuid():
        return f'owner {found.st_uid}, you are {os.geteuid()}'
    if found.st_mode & _OTHERS:
        return f'mode {stat.S_IMODE(found.st_mode):04o}'
    return ''
