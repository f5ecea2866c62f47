"""The journal: each frame and its outcome as a line of JSON in a file (docs/contracts.md, section 2)."""

from __future__ import annotations

import json
from pathlib import Path

from restore_node.common.errors import InputError
from restore_node.runtime.counters import FrameCounts, FrameRecord


class Journal:
    """Writes frames to a new file, flushed line by line, so that a killed process leaves what it knew.

    Attributes:
        error: why a line could not be written later on; empty while all is well.

    Raises:
        InputError: the file cannot be written.
    """

    def __init__(self, path: str) -> None:
        self.error = ''
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._file = Path(path).open('w', encoding='utf-8')  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise InputError(
                f'journal {path} cannot be written', seen=error, fix='give a path in a writable folder'
            ) from error

    def record(self, record: FrameRecord) -> None:
        """Write one frame's line."""
        latency = record.latency_ms
        self._write(
            {
                'topic': record.topic,
                'stamp_ns': record.stamp_ns,
                'outcome': record.outcome.value,
                'reason': record.reason.value,
                'latency_ms': None if latency is None else round(latency, 3),
            }
        )

    def summarise(self, topic: str, counts: FrameCounts, **facts: str) -> None:
        """Write the line that stands at a camera's end: its counts, and facts such as backend and model."""
        self._write({'topic': topic, 'summary': vars(counts), **facts})

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            self._note(error)

    def _write(self, entry: dict[str, object]) -> None:
        try:
            self._file.write(json.dumps(entry) + '\n')
            self._file.flush()
        except (OSError, ValueError) as error:
            self._note(error)

    def _note(self, error: Exception) -> None:
        # Not raised: a full disk must not cost the vehicle its sight.
        self.error = self.error or f'journal cannot be written: {error}'
