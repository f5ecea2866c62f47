"""BuildProcess: the build command as a child, so that a crash or a full GPU in the builder stays there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from restore_node.engine.spec import EngineSpec

COMMAND = (sys.executable, '-m', 'restore_node.tools.build_engine')
PATIENCE_S = 5.0


def build_arguments(spec: EngineSpec) -> list[str]:
    """Arguments that have the build command build a spec of one size (docs/contracts.md, section 8)."""
    batch, height, width = spec.opt_shape
    return [
        str(spec.model.graph()),
        *('--size', f'{width}x{height}', '--batch', str(batch), '--precision', spec.precision),
        *('--optimization-level', str(spec.optimization_level), '--workspace-mib', str(spec.workspace_mib)),
        *(('--min-psnr', f'{spec.min_psnr_db:g}') if spec.min_psnr_db else ()),
        *('--progress', 'json'),
    ]


class BuildProcess:
    """Builds one engine in a process of its own, by the `arguments` that `build_arguments` gives.

    `on_end` is called once, from a thread of its own, with the complaint; empty if the engine was built.
    `log` takes the lines that the build logs.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        on_end: Callable[[str], None],
        log: Callable[[str], None],
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._on_end, self._log = on_end, log
        self._phase, self._percent, self._error = 'starting', 0.0, ''
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,  # Ctrl-C is for the node, which then ends its builds
        )
        self._reader = threading.Thread(target=self._read, name='engine-build', daemon=True)
        self._reader.start()

    def progress(self) -> str:
        """Where it stands, such as `42 % (phase)`."""
        return f'{self._percent:.0f} % ({self._phase})'

    def cancel(self) -> None:
        """End the child: it stores nothing that is not complete."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE_S)
            self._process.kill()
        self._reader.join(PATIENCE_S)

    def _read(self) -> None:
        last = ''
        assert self._process.stdout is not None  # it was asked for above
        for line in self._process.stdout:
            last = line.strip() or last
            # Whatever it says, and whatever becomes of the log: the end of the build must be told.
            with suppress(Exception):
                self._take(line.strip())
        code = self._process.wait()
        if code == 0:
            self._on_end('')
        elif code < 0:
            self._on_end(f'the build was ended by signal {-code}; it last said: {last}')
        else:
            self._on_end(self._error or f'the build ended with exit code {code}; it last said: {last}')

    def _take(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict):  # a library that prints on its own, such as before a crash
            if line:
                self._log(line)
            return
        if 'percent' in said:
            self._phase, self._percent = str(said.get('phase', '')), float(said['percent'])
        if 'error' in said:
            self._error = str(said['error'])
        if 'log' in said:
            self._log(str(said['log']))
