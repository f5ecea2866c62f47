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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from restore_node.common.atomic import sync
from restore_node.common.errors import EngineError
from restore_node.common.host import user_cache, utc_now
from restore_node.engine.private_files import (
    locked,
    make_private_folder,
    read_private,
    write_private,
    writing,
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
    try:
        return user_cache('restore_node')
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

    @property
    def build(self) -> str:
        """What tells it from the engine of another build of the same key, even one of the same bytes."""
        return str(self.manifest.get('build'))


class EngineCache:
    """Engines by their key.

    Several processes share it: nodes that find and quarantine, commands that build. Whatever is looked at and
    then acted upon is looked at again under the lock of its key, and compared.

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
        self._held: set[str] = set()

    def manifests(self) -> list[dict[str, Any]]:
        """What is said of each engine, without a look at its plan; what cannot be read is left out."""
        found = []
        for path in sorted(self._engines.glob('*.json')):
            with suppress(OSError, ValueError):
                found.append(_parsed(path))
        return found

    def find(self, key: str) -> Engine | None:
        """Return the engine of a key, or None; one that is damaged or not the user's own is quarantined.

        Raises:
            EngineError: what is damaged cannot be moved away.
        """
        with suppress(OSError, ValueError):
            return self._load(key)
        # Whoever holds the lock may be between the plan and the manifest of a new one.
        with locked(self._lock_of(key)) as held:
            try:
                return self._load(key) if held else None
            except (OSError, ValueError) as error:
                self._put_away(key, str(error))
                return None

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Be the only builder of an engine. Look with `find` inside: another process may just have built it.

        `on_wait` is called once before waiting for another process, for as long as its build takes. Raises
        EngineError if the file system refuses.
        """
        with locked(self._lock_of(key), on_wait):
            self._held.add(key)
            try:
                yield
            finally:
                self._held.discard(key)

    def store(self, fields: Mapping[str, Any], plan: Buffer, about: Mapping[str, Any]) -> Engine:
        """Keep an engine that has been verified, inside its `lock`.

        Its key is made of `fields`; `about` is the rest of the manifest beside hash, size and time. Raises
        EngineError if the disk refuses; there is then no engine of this key.
        """
        return self._write(self._engines, fields, plan, about)

    def reject(self, fields: Mapping[str, Any], plan: Buffer, about: Mapping[str, Any], reason: str) -> None:
        """Keep an engine that failed its verification in quarantine; arguments and errors as for `store`."""
        self._write(self._quarantine, fields, plan, {**about, 'quarantined': _quarantined(reason)})

    def quarantine(self, engine: Engine, reason: str) -> bool:
        """Take an engine out of service, unless another one has taken its place; its manifest then says why.

        Returns whether it was still there and is gone now. Otherwise somebody else has put it away, has built
        another one, or is building one. Raises EngineError if the disk refuses.
        """
        with locked(self._lock_of(engine.key)) as held:
            present = None
            with suppress(OSError, ValueError):  # it is gone, or damaged, which `find` sees to
                present = _parsed(self._files(self._engines, engine.key)[1])
            is_it = held and present == engine.manifest
            if is_it:
                self._put_away(engine.key, reason)
            return is_it

    def read_timing(self, gpu: str, tensorrt: str) -> bytes:
        """TensorRT's timing cache of a GPU and version; empty if there is none that is the user's own."""
        try:
            return read_private(self._timing_of(gpu, tensorrt))
        except OSError:
            return b''

    def write_timing(self, gpu: str, tensorrt: str, data: Buffer) -> None:
        """Keep TensorRT's timing cache; raises EngineError when the disk refuses."""
        path = self._timing_of(gpu, tensorrt)
        with locked(path.with_suffix('.lock'), on_wait=lambda: None), writing(path):
            write_private(path, data)

    def _put_away(self, key: str, reason: str) -> None:
        plan, manifest = self._files(self._engines, key)
        away, away_manifest = self._files(self._quarantine, key)
        known: dict[str, Any] = {'format': FORMAT, 'key': key}
        with suppress(OSError, ValueError):
            known = _parsed(manifest)
        with writing(self._quarantine):
            # The manifest first: from then on there is no such engine.
            manifest.unlink(missing_ok=True)
            sync(self._engines)
            if plan.exists() or plan.is_symlink():
                plan.replace(away)
            write_private(away_manifest, _readable({**known, 'quarantined': _quarantined(reason)}))

    def _load(self, key: str) -> Engine | None:
        path, manifest_path = self._files(self._engines, key)
        try:
            manifest = _parsed(manifest_path)
        except FileNotFoundError:
            return None
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
        if key not in self._held:
            raise RuntimeError(f'engine {key} is written without its lock')
        path, manifest_path = self._files(folder, key)
        manifest = {
            'format': FORMAT,
            'key': key,
            'fields': dict(fields),
            **about,
            'build': uuid4().hex,
            'plan_sha256': _digest(plan),
            'plan_bytes': memoryview(plan).nbytes,
            'created': utc_now(),
        }
        text = _readable(manifest)
        with writing(path), ExitStack() as undoing:
            undoing.callback(path.unlink, missing_ok=True)
            manifest_path.unlink(missing_ok=True)
            sync(folder)
            write_private(path, plan)
            write_private(manifest_path, text)
            undoing.pop_all()
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
    return {'reason': reason, 'at': utc_now()}
