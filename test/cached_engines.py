"""An engine to keep in a cache, and what the cache's folder then holds."""

from __future__ import annotations

import json
from pathlib import Path

from restore_node.engine.cache import key_of

FIELDS = {'graph': 'ab' * 32, 'tensorrt': '10.3.0.30', 'shapes': [[1, 64, 64]], 'gpu': 'Orin'}
KEY = key_of(FIELDS)
PLAN = bytes(range(256)) * 64
ABOUT = {'precision': 'fp16', 'verified': {'psnr_db': 51.2}, 'build_s': 3.5}


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob('*') if not path.is_dir())
    return {name for name in found if not name.endswith('.lock')}


def names(*places: str) -> set[str]:
    return {f'{place}/{KEY[:32]}.{kind}' for place in places for kind in ('plan', 'json')}


def manifest_in(folder: Path, place: str) -> dict:
    return json.loads((folder / place / f'{KEY[:32]}.json').read_text())
