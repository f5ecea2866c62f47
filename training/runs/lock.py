"""One process at a time writes to the folder of a run."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from restore_node.common.errors import ConfigError

WAIT_S = 60.0
"""Processes whose parent was killed end their step and save first: so long they are waited for."""

NAME = '.lock'


@contextmanager
def run_lock(folder: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a run's folder for this process; one that ends lets go of it, also when it is killed.

    Raises ConfigError, which names the process, where another one still holds it after so many seconds.
    """
    with (folder / NAME).open('a+', encoding='utf-8') as file:
        until = time.monotonic() + wait_s
        while not _taken(file):
            if time.monotonic() >= until:
                file.seek(0)
                raise ConfigError(
                    f'{folder} is being written by another training',
                    seen=f'process {file.read().strip() or "unknown"}',
                    fix='stop it (kill -TERM, it saves), or name another folder with --folder',
                )
            time.sleep(0.1)
        file.truncate(0)
        file.write(f'{os.getpid()}\n')
        file.flush()
        yield


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems know no locks; there two runs in one folder are the user's affair.
        return True
    return True
