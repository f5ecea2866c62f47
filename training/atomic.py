"""Files that appear under their name only when they are complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; what lies there is moved to `path` at the end, unless there was an error.

    A process that is killed in between leaves its unfinished file, which the next attempt writes over.
    """
    unfinished = path.with_name(f'.{path.name}.part')
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
