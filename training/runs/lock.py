"""One process at a time writes to the folder of a run."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from restore_node.common.errors import ConfigError

WAIT_S = 60.0
"""Processes whose parent was killed end their step and save first: so long they are waited for."""

NAME = '.lock'


class RunLock:
    """A context in which the folder is this process's; it ends with the process, also when that is killed.

    Args:
        folder: of the run, which exists.
        wait_s: how long to wait for a process that has it.

    Raises:
        ConfigError: another process still has it; says which.
    """

    def __init__(self, folder: Path, wait_s: float = WAIT_S) -> None:
        self._path, self._wait_s = folder / NAME, wait_s

    def __enter__(self) -> 'RunLock':
        self._file = self._path.open('a+', encoding='utf-8')
        until = time.monotonic() + self._wait_s
        while not self._taken():
            if time.monotonic() >= until:
                self._file.seek(0)
                owner = self._file.read().strip() or 'unknown'
                self._file.close()
                raise ConfigError(
                    f'{self._path.parent} is being written by another training',
                    seen=f'process {owner}',
                    fix='stop it (kill -TERM, it saves), or name another folder with --folder',
                )
            time.sleep(0.1)
        self._file.truncate(0)
        self._file.write(f'{os.getpid()}\n')
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # Some network file systems know no locks; there two runs in one folder are the user's affair.
            return True
        return True
