"""Asking in a process of its own: a native library that crashes or hangs is an answer, not the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

from restore_node.tools.doctor.findings import BROKEN, Finding

#: For what imports a library and asks it a few things; the first import on a Jetson is slow.
TIMEOUT_S = 120.0
PATIENCE_S = 5.0
COMMAND = (sys.executable, '-m', 'restore_node.tools.doctor.probes')


def ask(probe: str, *, fix: str = '', timeout_s: float = TIMEOUT_S, **arguments: Any) -> Finding:
    """Run one of `probes.PROBES` in a child; its name is that of the finding.

    Arguments are as JSON has them. `fix` says how to mend what it finds, unless that is well.
    """
    # The answer has a file of its own: libraries print what they like where they like.
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as noise:
        handle = answer.fileno()
        child = subprocess.Popen(
            [*COMMAND, probe, json.dumps(arguments), str(handle)],
            stdin=subprocess.DEVNULL,
            stdout=noise,
            stderr=subprocess.STDOUT,
            pass_fds=[handle],
            start_new_session=True,  # so that what it has started ends with it
        )
        code = None
        try:
            with suppress(subprocess.TimeoutExpired):
                code = child.wait(timeout_s)
        finally:
            _end(child)
        answer.seek(0)
        text = answer.read()
        if code is None:
            found = Finding(probe, BROKEN, f'hangs: no answer in {timeout_s:g} s')
        elif code or not text:  # an answer does not excuse a crash at exit: the node would end like that, too
            found = Finding(probe, BROKEN, _cause(code))
        else:
            found = Finding(**json.loads(text))
        if found.state == BROKEN:  # ONNX Runtime, for one, prints the library that it misses
            found = replace(found, detail=f'{found.detail}{_last_words(noise)}')
        return found if found.is_ok else replace(found, fix=fix)


def _end(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):  # one that waits inside a driver cannot even be killed
        child.wait(PATIENCE_S)


def _cause(code: int) -> str:
    if code >= 0:
        return f'ends with exit code {code}'
    try:
        return f'crashes with {signal.Signals(-code).name}'
    except ValueError:
        return f'crashes with signal {-code}'


def _last_words(noise: IO[bytes]) -> str:
    noise.seek(0)
    lines = [line.strip() for line in noise.read().decode(errors='replace').splitlines() if line.strip()]
    return f'; it last said: {lines[-1][:300]}' if lines else ''
