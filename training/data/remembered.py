"""What takes seconds to find out about files, kept in the user's cache folder until they change."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from restore_node.common.atomic import replace_text
from restore_node.common.host import user_cache

Found = TypeVar('Found')


def remembered(kind: str, files: Sequence[Path], about: Any, find: Callable[[], Found]) -> Found:
    """What `find` finds, from an earlier time where the files are the same by name, size and time.

    `kind` is a folder of the cache; what is found, and what else it is about, is what JSON can hold.
    """
    stats = [(str(path.absolute()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    key = hashlib.sha256(json.dumps([about, stats]).encode()).hexdigest()[:32]
    try:
        # Not the node's folder: that holds native code, and is refused unless it was made private.
        place = user_cache('restore_node_training') / kind / f'{key}.json'
    except RuntimeError:
        return find()
    try:
        return json.loads(place.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        found = find()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_text(place, json.dumps(found))
    except OSError:
        # A memory that cannot be written costs the same time again.
        pass
    return found
