"""What is evaluated: a model file, a checkpoint, or the images that another system made."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.common.errors import ConfigError, InputError
from restore_node.common.image_files import read_rgb, write_rgb
from restore_node.messages.frame import Frame, Header
from restore_node.model import load_model
from restore_node.runtime.restore import change_score, restore_frame
from training.data.layouts.named_pairs import FilePair, NamedPair, by_name
from training.data.samples import Image
from training.evaluation.restoring import restore_with
from training.runs.generator import trained_generator

LONGEST_ORIGIN = 50
"""Characters."""


@dataclass(frozen=True)
class System:
    """Something that restores: a test image's name and its pixels, uint8 [H, W, 3] RGB, to the restored ones.

    Its name is that in tables; its provenance says where it comes from, as plain values.
    """

    name: str
    restore: Callable[[str, Image], Image]
    provenance: dict[str, Any] = field(default_factory=dict)

    def __call__(self, degraded: Image) -> Image:
        """Restore an image without a name: uint8 [H, W, 3] RGB to the same shape."""
        return self.restore('', degraded)

    def origin(self) -> str:
        """What it was made from, in one line."""
        stated = ('steps', 'config', 'commit', 'images')
        known = [trained_on(self.provenance)]
        known += [f'{key} {self.provenance[key]}' for key in stated if key in self.provenance]
        return '; '.join(filter(None, known)) or 'origin not stated'


def trained_on(provenance: dict[str, Any]) -> str:
    """The data that weights went through: `trained on GOPRO_Large, then on Rain800`; empty if not stated."""
    runs = [*provenance.get('started_from', ()), provenance]
    sets = [', '.join(origin['name'] for origin in run.get('data') or ()) for run in runs]
    return 'trained on ' + ', then on '.join(filter(None, sets)) if any(sets) else ''


def _named(name: str, provenance: dict[str, Any]) -> str:
    """A name for tables, with the training data where that is short enough to stand in a row."""
    data = trained_on(provenance)
    return f'{name}, {data}' if 0 < len(data) <= LONGEST_ORIGIN else name


def gated(system: System, threshold: float) -> System:
    """A system behind the node's gate: what it would hardly change goes out as it came.

    The threshold is the node's `gate_threshold`, in grey levels.
    """

    def restore(name: str, degraded: Image) -> Image:
        restored = system.restore(name, degraded)
        return degraded if change_score(degraded, restored) < threshold else restored

    return System(
        f'{system.name}, gate {threshold:g}', restore, system.provenance | {'gate_threshold': threshold}
    )


def save_png(folder: Path, name: str, image: Image) -> None:
    """Write uint8 [H, W, 3] RGB as PNG under the name that its original has in its folder."""
    path = folder / (name if name.endswith('.png') else f'{name}.png')
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rgb(path, image)


def saving(system: System, folder: Path) -> System:
    """A system whose restored images are kept, as PNG under the names of the images."""

    def restore(name: str, degraded: Image) -> Image:
        restored = system.restore(name, degraded)
        save_png(folder, name, restored)
        return restored

    return replace(system, restore=restore)


@contextmanager
def open_system(
    source: str, device: str = 'auto', tile_px: int | None = None, precision: str = 'fp32'
) -> Iterator[System]:
    """Open a model or a checkpoint; raises RestoreError where it cannot be read or run.

    Args:
        source: name or `.onnx` file of a model, run by ONNX Runtime in the node's own code, without its gate;
            or a `.pt` checkpoint, whose averaged weights PyTorch runs.
        device: `auto`, `cpu` or `cuda`.
        tile_px: see `restore_with`; for checkpoints only, refused of models.
        precision: which of a model's graphs.
    """
    if Path(source).suffix == '.pt':
        yield _open_checkpoint(Path(source), device, tile_px)
        return
    if tile_px is not None:
        raise ConfigError('--tile', seen=f'the model {source}', wanted='a checkpoint', fix='leave it out')
    model = load_model(source)
    with OnnxRuntimeBackend(model, device=device, precision=precision) as backend:

        def restore(_name: str, degraded: Image) -> Image:
            return restore_frame(backend, Frame(degraded, 'rgb8', Header(0, 0, ''))).rgb.copy()

        provenance = model.card.training | {'terms': model.card.terms}
        yield System(_named(model.card.name, provenance), restore, provenance)


def _open_checkpoint(path: Path, device: str, tile_px: int | None) -> System:
    network, saved, config = trained_generator(path)
    place = torch.device(('cuda' if torch.cuda.is_available() else 'cpu') if device == 'auto' else device)
    if place.type == 'cuda' and not torch.cuda.is_available():
        raise ConfigError('--device', seen='cuda', wanted='a CUDA device that PyTorch finds', fix='give cpu')
    restore = restore_with(network.to(place), place, tile_px)
    provenance = saved.provenance | {'steps': saved.step}
    name = _named(f'{config.name} at step {saved.step}', provenance)
    return System(name, lambda _name, degraded: restore(degraded), provenance)


def restored_by_others(folder: Path, pairs: Sequence[NamedPair]) -> System:
    """The images that another system made of a test set.

    An image belongs to the pair of the same name; else to the one whose name has `_` or `-` in place of `/`;
    else, where that is unambiguous, to the one whose name or degraded file ends like it. The folder is
    searched to the bottom. Raises InputError where there is no such folder, or images are missing.
    """
    if not folder.is_dir():
        raise InputError(f'no folder {folder}', fix='check the path')
    files = by_name(folder)
    endings = Counter(ending for pair in pairs for ending in _endings(pair))
    found: dict[str, Path] = {}
    for pair in pairs:
        spellings = [pair.name, pair.name.replace('/', '_'), pair.name.replace('/', '-')]
        spellings += [ending for ending in _endings(pair) if endings[ending] == 1]
        if spelling := next((spelling for spelling in spellings if spelling in files), None):
            found[pair.name] = files[spelling]
    missing = [pair.name for pair in pairs if pair.name not in found]
    if missing:
        raise InputError(
            f'restored images in {folder}',
            seen=f'{len(files)} images, {len(missing)} of {len(pairs)} missing, first {missing[0]}',
            wanted='one for each test image, of the same name',
        )
    return System(folder.name, lambda name, _degraded: read_rgb(found[name]), {'images': str(folder)})


def _endings(pair: NamedPair) -> list[str]:
    """The last part of a pair's name and, where it is another one, of its degraded file's."""
    file = [pair.degraded.stem] if isinstance(pair, FilePair) else []
    return list(dict.fromkeys([pair.name.rpartition('/')[2], *file]))
