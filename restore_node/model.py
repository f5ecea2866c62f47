"""The model file: `NAME.onnx` beside its card `NAME.json` (docs/contracts.md, section 1)."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, get_origin, get_type_hints

from restore_node.common.errors import ModelError

FORMAT = 1
TASKS = ('deblur', 'derain', 'restore')
#: What a model may have a graph of: `fp32` always, `fp16` and `int8` (quantised) optionally.
PRECISIONS = ('fp32', 'fp16', 'int8')
#: Names of the graph's only input and only output.
INPUT_NAME, OUTPUT_NAME = 'degraded', 'restored'


@dataclass(frozen=True)
class ModelCard:
    """What a model is, made from and worth; the keys of contracts.md section 1."""

    format: int
    name: str
    task: str
    size_multiple: int
    parameters: int
    macs_per_pixel: int
    graphs: dict[str, dict[str, str]]
    training: dict[str, Any]
    terms: str
    quality: list[dict[str, Any]]
    gate_threshold: float = 0.0

    @classmethod
    def from_dict(cls, values: object, source: str) -> ModelCard:
        """Check a card's content, parsed JSON; `source` names its file in messages.

        Raises:
            ModelError: missing, unknown or mistyped keys, or values out of range; all of them in one line.
        """
        if not isinstance(values, dict):
            raise ModelError(f'model card {source}', seen=type(values).__name__, wanted='a JSON object')
        types = {key: get_origin(kind) or kind for key, kind in get_type_hints(cls).items()}
        required = [entry.name for entry in fields(cls) if entry.default is MISSING]
        faults = [f'{key} is missing' for key in required if key not in values]
        faults += [f'{key} is unknown' for key in values if key not in types]
        for key, kind in types.items():
            if key in values:
                faults += _faults_of(key, values[key], kind)
        if faults:
            raise ModelError(
                f'model card {source}',
                seen='; '.join(faults),
                fix='export the model again: python -m training.commands.export',
            )
        return cls(**values)

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """The size in which the graph gets an image of this size: the next multiples of `size_multiple`."""
        multiple = self.size_multiple
        return -(-height // multiple) * multiple, -(-width // multiple) * multiple


def _faults_of(key: str, value: Any, kind: type[Any]) -> list[str]:
    """What is wrong with one value of a card, which should be of a kind."""
    is_whole_float = kind is float and isinstance(value, int)  # JSON may write 3 for 3.0
    if not (isinstance(value, kind) or is_whole_float) or isinstance(value, bool):
        return [f'{key} is {value!r}, not {kind.__name__}']
    if key == 'format' and value != FORMAT:
        return [f'format is {value}, this version reads {FORMAT}']
    if key == 'task' and value not in TASKS:
        return [f'task is {value!r}, not one of {", ".join(TASKS)}']
    if key in ('size_multiple', 'parameters') and value < 1:
        return [f'{key} is {value}, not 1 or more']
    if key == 'gate_threshold' and not 0.0 <= value <= 255.0:
        return [f'gate_threshold is {value}, not 0 to 255']
    if key == 'graphs':
        return _faults_of_graphs(value)
    return []


def _faults_of_graphs(graphs: dict[str, Any]) -> list[str]:
    faults = []
    if 'fp32' not in graphs or set(graphs) - set(PRECISIONS):
        faults.append(f'graphs has {sorted(graphs)}, not fp32 and at most fp16 and int8 beside it')
    for precision, graph in graphs.items():
        if (
            not isinstance(graph, dict)
            or set(graph) != {'file', 'sha256'}
            or not all(isinstance(value, str) for value in graph.values())
        ):
            faults.append(f'graphs.{precision} is {graph!r}, not {{"file", "sha256"}} with a text each')
        elif Path(graph['file']).name != graph['file'] or Path(graph['file']).suffix != '.onnx':
            faults.append(f'graphs.{precision}.file is {graph["file"]!r}, not a NAME.onnx beside the card')
    return faults


class Tensor(NamedTuple):
    """An input or output of a graph, as its runtime describes it.

    Attributes:
        name: as in the graph.
        element: ONNX element type, such as `uint8`.
        shape: sizes; a name or None where a size is dynamic.
    """

    name: str
    element: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        sizes = ', '.join('?' if size is None else str(size) for size in self.shape)
        return f'{self.name} {self.element} [{sizes}]'


@dataclass(frozen=True)
class Model:
    """A model file whose graphs were found and match the card's checksums.

    Attributes:
        card: the model card.
        folder: where card and graphs lie.
    """

    card: ModelCard
    folder: Path

    def graph(self, precision: str = 'fp32') -> Path:
        """Path of one graph; raises ModelError when the card has none of this precision."""
        if precision not in self.card.graphs:
            raise ModelError(
                f'model {self.card.name} has no {precision} graph',
                wanted=f'one of {", ".join(self.card.graphs)}',
                fix='export it again',
            )
        return self.folder / self.card.graphs[precision]['file']

    def check_tensors(self, inputs: list[Tensor], outputs: list[Tensor]) -> None:
        """Refuse a graph that, by all its inputs and outputs, is not what the card promises.

        Raises:
            ModelError: anything but one input `degraded` and one output `restored`, uint8 `[N, H, W, 3]` with
                N, H and W dynamic.
        """
        is_kept = _are_images(inputs, INPUT_NAME) and _are_images(outputs, OUTPUT_NAME)
        # Only of inputs: a runtime works out sizes of outputs that the graph leaves open.
        if not is_kept or any(isinstance(size, int) for size in inputs[0].shape[:3]):
            raise ModelError(
                f'graph of model {self.card.name} does not keep the contract',
                seen=f'inputs {"; ".join(map(str, inputs))}, outputs {"; ".join(map(str, outputs))}',
                wanted=f'input {INPUT_NAME} and output {OUTPUT_NAME} uint8 [N, H, W, 3] with N, H, W dynamic',
                fix='export it with python -m training.commands.export',
            )


def _are_images(tensors: list[Tensor], name: str) -> bool:
    """Whether there is one tensor, of this name, uint8 `[N, H, W, 3]`; an open last size may still be 3."""
    if [(tensor.name, tensor.element, len(tensor.shape)) for tensor in tensors] != [(name, 'uint8', 4)]:
        return False
    channels = tensors[0].shape[3]
    return channels == 3 or not isinstance(channels, int)


def model_folders() -> list[Path]:
    """Where a model given by its bare name is looked for: ROS overlays, this Python, this checkout."""
    overlays = map(Path, filter(None, os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)))
    installed = [prefix / 'share/restore_node/models' for prefix in (*overlays, Path(sys.prefix))]
    return [*installed, Path(__file__).resolve().parents[1] / 'models']


def find_model(name: str) -> Path:
    """Path of the card of a model.

    Args:
        name: a bare name such as `restore-lite`, or the path of its `.onnx` or `.json` file.

    Raises:
        ModelError: there is none.
    """
    given = Path(os.path.expanduser(name))  # Path.expanduser raises for an unknown user
    if not name:
        raise ModelError('no model is named', seen=repr(name), wanted='a name or the path of a .onnx file')
    if given.name == name and given.suffix not in ('.onnx', '.json'):
        cards = [card for folder in model_folders() for card in folder.glob('*.json')]
        if found := next((card for card in cards if card.stem == name), None):
            return found
        known = sorted({card.stem for card in cards})
        raise ModelError(
            f'model {name!r} is not installed',
            wanted=f'one of {", ".join(known) or "none installed"}',
            fix='give one of these names or the path of a .onnx file',
        )
    # The graphs of all precisions share one card.
    stem = given.name.removesuffix('.onnx').removesuffix('.json')
    for precision in PRECISIONS:
        stem = stem.removesuffix(f'.{precision}')
    card = given.with_name(stem + '.json')
    missing = [str(path) for path in (given, card) if not path.is_file()]
    if missing:
        raise ModelError(
            f'model {name} cannot be read',
            seen=f'no file {" and no file ".join(missing)}',
            wanted='NAME.onnx and its card NAME.json side by side',
            fix='check the path; python -m training.commands.export writes both',
        )
    return card


def _refuse_of_others(path: Path) -> None:
    """Raise ModelError for a file that neither who runs this nor root need have put there."""
    file, folder, user = path.stat(), path.resolve().parent.stat(), os.geteuid()
    fault = ''
    # In a container root meets the owners of what is mounted from outside.
    if user and file.st_uid not in (0, user):
        fault = f'owner {file.st_uid}, you are {user}'
    elif file.st_mode & stat.S_IWOTH:
        fault = f'mode {stat.S_IMODE(file.st_mode):04o}'
    elif folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        fault = f'a folder of mode {stat.S_IMODE(folder.st_mode):04o}'
    if fault:
        raise ModelError(
            f'others may have changed {path}',
            seen=fault,
            wanted='a file that belongs to you or root, and that not everybody can write',
            fix='chmod o-w file and folder if you trust what is in it, or copy it to a folder of yours',
        )


def load_model(name: str) -> Model:
    """Find a model by what `find_model` takes, check its card and the checksum of each graph.

    Raises:
        ModelError: missing, unreadable, of somebody else, or card and graph disagree.
    """
    path = find_model(name)
    try:
        _refuse_of_others(path)
        values = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ModelError(f'model card {path} cannot be read', seen=error, wanted='a JSON file') from error
    card = ModelCard.from_dict(values, str(path))
    if card.name != path.stem:
        raise ModelError(
            f'model card {path}', seen=f'name {card.name!r}', wanted=repr(path.stem), fix='rename one'
        )
    model = Model(card, path.parent)
    for precision, entry in card.graphs.items():
        graph = model.graph(precision)
        try:
            _refuse_of_others(graph)
            digest = hashlib.sha256(graph.read_bytes()).hexdigest()
        except (OSError, ValueError) as error:
            raise ModelError(
                f'graph {graph} cannot be read', seen=error, fix='copy it beside its card'
            ) from error
        if digest != entry['sha256']:
            raise ModelError(
                f'graph {graph} does not match its card',
                seen=f'sha256 {digest[:12]}...',
                wanted=f'{entry["sha256"][:12]}...',
                fix='copy both files again; the graph is damaged or from another export',
            )
    return model
