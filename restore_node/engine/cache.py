"""The engine cache: plans with their manifests, one writer at a time, none served that is not whole and ours.

A plan is native code. It comes from this folder alone, which belongs to the user who runs, mode 0700, and its
hash is compared with the manifest before it is handed out. A hash finds accidents, not attackers: owner and
mode keep those out. Files and manifest are described in docs/contracts.md, section 8.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from restore_node.common.errors import EngineError
from restore_node.engine.private_files import (
    locked,
    make_private_folder,
    read_private,
    sync_folder,
    unwritable,
    write_private,
)

FORMAT = 1
#: Of the key, in file names.
KEY_DIGITS = 32
Buffer = bytes | bytearray | memoryview


def key_of(fields: Mapping[str, Any]) -> str:
    """Key of the engine that these fields make: SHA-256 of their canonical JSON, 64 hex digits."""
    canonical = json.dumps(fields, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(canonical.encode()).hexdigest()


def cache_folder() -> Path:
    """Folder of engines: `$RESTORE_NODE_CACHE`, `$XDG_CACHE_HOME/restore_node` or `~/.cache/restore_node`.

    Raises:
        EngineError: there is no home directory.
    """
    chosen = os.environ.get('RESTORE_NODE_CACHE')
    if chosen:
        return Path(os.path.expanduser(chosen)).absolute()
    caches = Path(os.environ.get('XDG_CACHE_HOME', ''))
    if caches.is_absolute():  # the XDG specification ignores others
        return caches / 'restore_node'
    try:
        return Path.home() / '.cache' / 'restore_node'
    except RuntimeError as error:
        raise EngineError('no folder for engines', seen=error, fix='set RESTORE_NODE_CACHE') from error


@dataclass(frozen=True)
class Engine:
    """An engine that was found whole.

    Attributes:
        key: as `key_of` its fields.
        path: of the plan.
        manifest: what its manifest says.
        plan: its bytes; those that were checked, whatever happens to the file.
    """

    key: str
    path: Path
    manifest: dict[str, Any]
    plan: bytes = field(repr=False)


class EngineCache:
    """Engines by their key.

    Args:
        folder: default `cache_folder()`; made if it is missing.

    Raises:
        EngineError: the folder cannot be made, or is not the user's own and closed to others.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder()
        self._engines, self._quarantine, self._timing = (
            self.folder / name for name in ('engines', 'quarantine', 'timing')
        )
        for place in (self.folder, self._engines, self._quarantine, self._timing):
            make_private_folder(place)

    def find(self, key: str) -> Engine | None:
        """Return the engine of a key, or None; one that is damaged or not the user's own is quarantined.

        Raises:
            EngineError: what is damaged cannot be moved away.
        """
        try:
            return self._load(key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            pass
        # Whoever holds the lock may be between the plan and the manifest of a new one.
        with locked(self._lock_of(key)) as held:
            if not held:
                return None
            try:
                return self._load(key)
            except FileNotFoundError:
                return None
            except (OSError, ValueError) as error:
                self.quarantine(key, str(error))
                return None

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Be the only builder of an engine. Look with `find` inside: another process may just have built it.

        Args:
            key: of the engine.
            on_wait: called once before waiting for another process, for as long as its build takes.

        Raises:
            EngineError: the file system refuses.
        """
        with locked(self._lock_of(key), on_wait):
            yield

    def store(self, fields: Mapping[str, Any], plan: Buffer, about: Mapping[str, Any]) -> Engine:
        """Keep an engine that has been verified; `lock` must be held.

        Args:
            fields: what its key is made of.
            plan: the serialised engine.
            about: the rest of the manifest, beside `format`, `key`, `fields`, hash, size and time.

        Raises:
            EngineError: the disk refuses; there is then no engine of this key.
        """
        return self._write(self._engines, fields, plan, about)

    def reject(self, fields: Mapping[str, Any], plan: Buffer, about: Mapping[str, Any], reason: str) -> None:
        """Keep an engine that failed its verification in quarantine; arguments and errors as for `store`."""
        self._write(self._quarantine, fields, plan, {**about, 'quarantined': _quarantined(reason)})

    def quarantine(self, key: str, reason: str) -> None:
        """Take an engine out of service; its manifest then says why.

        Raises:
            EngineError: the disk refuses.
        """
        plan, manifest = self._files(self._engines, key)
        away, away_manifest = self._files(self._quarantine, key)
        try:
            known = _parsed(manifest)
        except (OSError, ValueError):
            known = {'format': FORMAT, 'key': key}
        try:
            # The manifest first: from then on there is no such engine.
            manifest.unlink(missing_ok=True)
            sync_folder(self._engines)
            if plan.exists() or plan.is_symlink():
                plan.replace(away)
            write_private(away_manifest, _readable({**known, 'quarantined': _quarantined(reason)}))
        except OSError as error:
            raise unwritable(self._quarantine, error) from error

    def read_timing(self, gpu: str, tensorrt: str) -> bytes:
        """TensorRT's timing cache of a GPU and version; empty if there is none that is the user's own."""
        try:
            return read_private(self._timing_of(gpu, tensorrt))
        except OSError:
            return b''

    def write_timing(self, gpu: str, tensorrt: str, data: Buffer) -> None:
        """Keep TensorRT's timing cache.

        Raises:
            EngineError: the disk refuses.
        """
        path = self._timing_of(gpu, tensorrt)
        with locked(path.with_suffix('.lock'), on_wait=lambda: None):
            try:
                write_private(path, data)
            except OSError as error:
                raise unwritable(path, error) from error

    def _load(self, key: str) -> Engine:
        path, manifest_path = self._files(self._engines, key)
        manifest = _parsed(manifest_path)
        if manifest.get('format') != FORMAT or manifest.get('key') != key:
            raise ValueError(f'manifest is of format {manifest.get("format")}, key {manifest.get("key")}')
        if not isinstance(manifest.get('fields'), dict) or key_of(manifest['fields']) != key:
            raise ValueError('the fields of the manifest make another key')
        try:
            plan = read_private(path)
        except FileNotFoundError as error:  # there is a manifest, so this is damage
            raise ValueError('the plan is missing') from error
        if len(plan) != manifest.get('plan_bytes') or _digest(plan) != manifest.get('plan_sha256'):
            raise ValueError('the plan is not the one of the manifest')
        return Engine(key, path, manifest, plan)

    def _write(
        self, folder: Path, fields: Mapping[str, Any], plan: Buffer, about: Mapping[str, Any]
    ) -> Engine:
        key = key_of(fields)
        path, manifest_path = self._files(folder, key)
        manifest = {
            'format': FORMAT,
            'key': key,
            'fields': dict(fields),
            **about,
            'plan_sha256': _digest(plan),
            'plan_bytes': memoryview(plan).nbytes,
            'created': _now(),
        }
        text = _readable(manifest)
        try:
            manifest_path.unlink(missing_ok=True)
            sync_folder(folder)
            write_private(path, plan)
            write_private(manifest_path, text)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise unwritable(path, error) from error
        return Engine(key, path, manifest, bytes(plan))

    def _files(self, folder: Path, key: str) -> tuple[Path, Path]:
        name = key[:KEY_DIGITS]
        return folder / f'{name}.plan', folder / f'{name}.json'

    def _lock_of(self, key: str) -> Path:
        return self._engines / f'{key[:KEY_DIGITS]}.lock'

    def _timing_of(self, gpu: str, tensorrt: str) -> Path:
        name = re.sub(r'[^\w.-]+', '_', f'{gpu}-{tensorrt}', flags=re.ASCII)
        return self._timing / f'{name}.cache'


def _digest(data: Buffer) -> str:
    return hashlib.sha256(data).hexdigest()


def _readable(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2) + '\n').encode()


def _parsed(path: Path) -> dict[str, Any]:
    manifest = json.loads(read_private(path))
    if not isinstance(manifest, dict):
        raise ValueError('the manifest is no JSON object')
    return manifest


def _quarantined(reason: str) -> dict[str, str]:
    return {'reason': reason, 'at': _now()}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec='seconds')
