"""Files and folders that appear under their final name only when they are complete."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restore_node.common.errors import InputError, RestoreError


class Unfinished:
    """A file or folder in the making, in a hidden folder beside its final place.

    As a context manager it hands out the path to write to, keeps the result when the block ends well, and
    removes it when the block raises.

    Attributes:
        path: where to write; its last part is already the final name, for formats that record their own name.

    Raises:
        RestoreError: of the kind `error`: the final name is taken, or the disk refuses.
    """

    def __init__(self, final: str | os.PathLike[str], error: type[RestoreError] = InputError) -> None:
        self._final, self._error = Path(final).absolute(), error
        if self._final.exists():
            raise error(f'{self._final} exists already', fix='remove it or choose another name')
        with writing(self._final, error):
            self._final.parent.mkdir(parents=True, exist_ok=True)
            nursery = tempfile.mkdtemp('.part', f'.{self._final.name}.', self._final.parent)
        # Also at the interpreter's exit: a signal may come before anyone holds this object.
        self._remove = weakref.finalize(self, shutil.rmtree, nursery, ignore_errors=True)
        self.path = Path(nursery, self._final.name)

    def keep(self) -> None:
        """Give the result its final name, once all of it has reached the disk."""
        try:
            with writing(self._final, self._error):
                for path in (self.path, *self.path.rglob('*')):
                    sync(path)
                self.path.rename(self._final)
                sync(self._final.parent)
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove what has not been kept."""
        self._remove()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.keep()
        else:
            self.discard()


@contextmanager
def writing(
    what: object, error: type[RestoreError] = InputError, fix: str = 'check permissions and free space'
) -> Iterator[None]:
    """Turn what the file system has against writing something into an error of ours."""
    try:
        yield
    except OSError as err:
        raise error(f'cannot write {what}', seen=err, fix=fix) from err


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, outlast a power cut; raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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


def replace_text(path: Path, text: str) -> None:
    """Write a text file in one go: whoever reads `path` finds the old text or the new one."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding='utf-8')
