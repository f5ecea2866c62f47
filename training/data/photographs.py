"""Sharp photographs from any folders or tars, and which of them are held apart."""

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.errors import ConfigError, InputError
from training.data.config import DataConfig, DataSet

SUFFIXES = {'.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff'}
OTHER = DataSet(name='other', files='*', terms='not stated')


@dataclass(frozen=True)
class Photograph:
    """One photograph: in a folder (root / name) or in a tar, where its bytes lie at an offset.

    Attributes:
        root: the folder or tar.
        name: path inside it, with forward slashes.
        span: first byte and length inside a tar, None in a folder.
    """

    root: Path
    name: str
    span: tuple[int, int] | None = None

    def read(self) -> NDArray[np.uint8]:
        """The pixels: uint8 [H, W, 3] RGB, 0..255. Raises InputError when the file is no image."""
        try:
            if self.span is None:
                data = (self.root / self.name).read_bytes()
            else:
                with self.root.open('rb') as tar:
                    tar.seek(self.span[0])
                    data = tar.read(self.span[1])
        except OSError as error:
            raise InputError(f'cannot read {self.root}/{self.name}', seen=error) from error
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if image is None:
            raise InputError(f'{self.root}/{self.name} is not an image', fix='remove or replace it')
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def find_photographs(roots: Sequence[str]) -> list[Photograph]:
    """All photographs under the roots, sorted by name, the same on every machine.

    Raises:
        ConfigError: a root is missing, unreadable, or nothing was found.
    """
    found: list[Photograph] = []
    for root in map(Path, roots):
        if root.is_dir():
            files = sorted(path for path in root.rglob('*') if path.suffix.lower() in SUFFIXES)
            found += [Photograph(root, path.relative_to(root).as_posix()) for path in files]
        elif root.is_file():
            found += _in_tar(root)
        else:
            raise ConfigError(
                'data.roots', seen=f'{root}, which does not exist', wanted='folders or tars of photographs'
            )
    if not found:
        raise ConfigError(
            'data.roots', seen=f'no photographs under {", ".join(roots)}', wanted=' '.join(sorted(SUFFIXES))
        )
    return sorted(found, key=lambda photograph: photograph.name)


def split(photographs: Sequence[Photograph], config: DataConfig) -> tuple[list[Photograph], list[Photograph]]:
    """Photographs to train on, and those held apart.

    Raises:
        ConfigError: one side is empty.
    """
    apart = [photograph for photograph in photographs if _matches(photograph, config.held_apart)]
    kept = [photograph for photograph in photographs if not _matches(photograph, config.held_apart)]
    if not apart or not kept:
        raise ConfigError(
            'data.held_apart',
            seen=f'{len(apart)} of {len(photographs)} photographs',
            wanted='some but not all of them',
        )
    return kept, apart


def set_of(photograph: Photograph, sets: Sequence[DataSet]) -> DataSet:
    """The set a photograph belongs to."""
    return next((candidate for candidate in sets if fnmatchcase(photograph.name, candidate.files)), OTHER)


def data_list(photographs: Sequence[Photograph], sets: Sequence[DataSet]) -> list[dict[str, object]]:
    """What a model card lists: name, images and terms of every set that has photographs here."""
    counts: dict[DataSet, int] = {}
    for photograph in photographs:
        origin = set_of(photograph, sets)
        counts[origin] = counts.get(origin, 0) + 1
    return [{'name': origin.name, 'images': count, 'terms': origin.terms} for origin, count in counts.items()]


def _matches(photograph: Photograph, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(photograph.name, glob) for glob in globs)


def _in_tar(path: Path) -> list[Photograph]:
    try:
        with tarfile.open(path, 'r:') as tar:
            return [
                Photograph(path, member.name, (member.offset_data, member.size))
                for member in tar
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES
            ]
    except (OSError, tarfile.TarError) as error:
        raise ConfigError(
            'data.roots', seen=f'{path}: {error}', wanted='a folder or an uncompressed tar'
        ) from error
