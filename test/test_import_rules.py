"""Who may import whom: read from the source, and tried in a process where the heavy libraries are blocked.

The rooms are the folders of `restore_node`; its own files are the room `core`. Arrows run downwards only.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What a room may import of this package and, where the list is short enough to be a rule, of others.
ROOMS = {
    'core': {'core'},
    'backends': {'core', 'backends', 'engine'},
    'engine': {'core', 'engine'},
    'ros': {'core', 'backends', 'engine', 'ros'},
    'tools': {'core', 'backends', 'engine', 'tools'},
}
LIBRARIES = {
    'core': {'numpy', 'cv2'},
    'backends': {'numpy', 'cv2'},
    'engine': {'numpy', 'cv2'},
}
# Files that are trusted with more than their room.
MORE = {
    'restore_node/bag.py': {'rosbags'},
    'restore_node/pipeline.py': {'restore_node.backends.base'},
    'restore_node/keeper.py': {'restore_node.backends.base'},
}
# Libraries that one file imports, and only when it is opened.
OPENED_BY = {
    'onnxruntime': {'restore_node/backends/onnxruntime.py'},
    'tensorrt': {'restore_node/engine/trt.py'},
    'cuda': {'restore_node/engine/cuda_runtime.py'},
}
ROS_LIBRARIES = {
    'rclpy',
    'sensor_msgs',
    'std_msgs',
    'diagnostic_msgs',
    'diagnostic_updater',
    'cv_bridge',
    'launch',
}
NEVER_IN_RESTORE_NODE = {'torch', 'training'}
# The same for `training`. Its commands may import all; what they all share is the room `core`.
TRAINING_ROOMS: dict[str, set[str]] = {
    'degradation': set(),
    'degradation_torch': {'degradation'},
    'drive': {'degradation'},
    'networks': set(),
    'core': {'data.config', 'degradation.ranges', 'losses.config'},
    'losses': {'core'},
    'data': {'core', 'degradation', 'degradation_torch'},
    'runs': {'core', 'data'},
    'evaluation': {'core', 'data', 'networks', 'runs'},
    'loop': {'core', 'data', 'evaluation', 'losses', 'networks', 'runs'},
    'model_file': {'core', 'evaluation', 'networks', 'runs'},
    'experiments': {'core', 'data', 'degradation', 'evaluation', 'loop', 'networks', 'runs'},
}
TRAINING_CORE = {'atomic', 'bounded', 'commands', 'config', 'errors'}
TORCHLESS = ['training/degradation', 'training/drive', 'training/make_drive.py']
BLOCKED = ['torch', 'rclpy', 'tensorrt', 'onnxruntime', 'cuda', 'cv_bridge']


class Import(NamedTuple):
    """One imported module, as a dotted name, and whether importing the file imports it."""

    name: str
    line: int
    at_import: bool

    @property
    def library(self) -> str:
        return self.name.partition('.')[0]


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(), str(path), feature_version=(3, 10))
    later = {
        id(inner)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for inner in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f'{path}:{node.lineno}: relative import, want the full name'
            # `from restore_node import codec` names a module, too.
            names = [node.module or '']
            if node.module in PACKAGES:
                names = [f'{node.module}.{alias.name}' for alias in node.names]
        else:
            continue
        for name in names:
            yield Import(name, node.lineno, id(node) not in later)


def files_under(*places: str) -> list[str]:
    found = []
    for place in places:
        path = ROOT / place
        found += [path] if path.is_file() else sorted(path.rglob('*.py'))
    return [path.relative_to(ROOT).as_posix() for path in found]


def dotted(file: str) -> str:
    return file.removesuffix('.py').removesuffix('/__init__').replace('/', '.')


def room_of(module: str) -> str:
    parts = module.split('.')
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else 'core'


def training_room_of(module: str) -> str | None:
    """The room of a module of `training`; None for a command."""
    parts = module.split('.')
    if len(parts) > 1 and parts[1] in TRAINING_ROOMS:
        return parts[1]
    return 'core' if len(parts) == 1 or parts[1] in TRAINING_CORE else None


RESTORE_NODE = files_under('restore_node')
TRAINING = files_under('training')
PACKAGES = {dotted(file) for file in RESTORE_NODE + TRAINING if file.endswith('__init__.py')}


@pytest.mark.parametrize('file', RESTORE_NODE)
def test_a_file_imports_only_what_its_room_may(file: str) -> None:
    room = room_of(dotted(file))
    faults = []
    for found in imports_of(ROOT / file):
        if found.name in MORE.get(file, set()) or found.library in MORE.get(file, set()):
            continue
        if found.library in NEVER_IN_RESTORE_NODE:
            faults.append(f'{file}:{found.line}: {found.name} is never imported by restore_node')
        elif found.library == 'restore_node':
            if room_of(found.name) not in ROOMS[room]:
                faults.append(f'{file}:{found.line}: {room} imports {found.name}, want {sorted(ROOMS[room])}')
        elif found.library in OPENED_BY:
            if file not in OPENED_BY[found.library] or found.at_import:
                faults.append(
                    f'{file}:{found.line}: {found.name}, want it in {OPENED_BY[found.library]}, when opened'
                )
        elif found.library in ROS_LIBRARIES:
            if room != 'ros':
                faults.append(f'{file}:{found.line}: {found.name}, want it in restore_node/ros only')
        elif room in LIBRARIES and found.library not in LIBRARIES[room] | sys.stdlib_module_names:
            faults.append(f'{file}:{found.line}: {room} imports {found.name}, want {sorted(LIBRARIES[room])}')
    assert not faults, '\n'.join(faults)


@pytest.mark.parametrize('file', [file for file in TRAINING if training_room_of(dotted(file)) is not None])
def test_a_file_of_training_imports_only_what_its_room_may(file: str) -> None:
    room = training_room_of(dotted(file)) or ''
    faults = []
    for found in imports_of(ROOT / file):
        if found.library != 'training' or found.name.startswith(f'training.{room}.'):
            continue
        inner = found.name.removeprefix('training.')
        other = training_room_of(found.name)
        if other != room and not {other, inner} & TRAINING_ROOMS[room]:
            faults.append(f'{file}:{found.line}: {room} imports {found.name}')
    assert not faults, '\n'.join(faults)


def test_the_rooms_of_training_have_an_order() -> None:
    reached: dict[str, set[str]] = {}

    def reach(room: str, above: tuple[str, ...] = ()) -> set[str]:
        assert room not in above, f'{" -> ".join((*above, room))} goes in a circle'
        below = {other for other in TRAINING_ROOMS[room] if '.' not in other}
        reached[room] = below.union(*(reach(other, (*above, room)) for other in below))
        return reached[room]

    for room in TRAINING_ROOMS:
        reach(room)


@pytest.mark.parametrize('file', files_under(*TORCHLESS))
def test_making_a_drive_needs_no_torch(file: str) -> None:
    assert 'torch' not in {found.library for found in imports_of(ROOT / file)}


@pytest.mark.parametrize('file', TRAINING)
def test_training_uses_neither_ros_nor_tools(file: str) -> None:
    names = {found.name for found in imports_of(ROOT / file)}
    assert not {name for name in names if name.startswith(('restore_node.ros', 'restore_node.tools'))}
    assert not {name.partition('.')[0] for name in names} & ROS_LIBRARIES


def import_where_blocked(files: list[str]) -> subprocess.CompletedProcess[str]:
    modules = [dotted(file) for file in files if not file.endswith('__main__.py')]
    code = f"""
import importlib, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f'{{name}} is blocked by this test', name=name)

sys.meta_path.insert(0, Block())
for module in {modules!r}:
    print(module, flush=True)
    importlib.import_module(module)
"""
    return subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    'files',
    [[file for file in RESTORE_NODE if room_of(dotted(file)) != 'ros'], files_under(*TORCHLESS)],
    ids=['restore_node', 'drive'],
)
def test_modules_import_where_heavy_libraries_are_blocked(files: list[str]) -> None:
    done = import_where_blocked(files)
    assert done.returncode == 0, f'importing {done.stdout.split()[-1]}:\n{done.stderr}'


def test_the_block_blocks() -> None:
    done = import_where_blocked(['rclpy.py'])
    assert 'is blocked by this test' in done.stderr
