"""Who may import whom: read from the source, and tried in a process where the heavy libraries are blocked.

The rooms are the folders of `restore_node` and of `training`. Arrows run downwards only, without exceptions.
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

# The rooms of `restore_node`, and which others each may import. `model` is the file of that name.
ROOMS: dict[str, set[str]] = {
    'common': set(),
    'model': {'common'},
    'messages': {'common'},
    'engine': {'common', 'model'},
    'backends': {'common', 'model', 'engine'},
    'runtime': {'common', 'model', 'messages', 'backends'},
    'ros': {'common', 'model', 'messages', 'engine', 'backends', 'runtime'},
    'tools': {'common', 'model', 'messages', 'engine', 'backends', 'runtime'},
}
# The rooms of `training`. Nobody imports its programs but they themselves.
TRAINING_ROOMS: dict[str, set[str]] = {
    'degradation': set(),
    'drive': {'degradation'},
    'networks': set(),
    'config': {'degradation'},
    'losses': {'config'},
    'data': {'config', 'degradation'},
    'runs': {'config', 'data', 'networks'},
    'evaluation': {'config', 'data', 'losses', 'networks', 'runs'},
    'judging': {'config', 'data', 'degradation', 'evaluation'},
    'loop': {'config', 'data', 'evaluation', 'losses', 'networks', 'runs'},
    'model_file': {'config', 'evaluation', 'networks', 'runs'},
    'experiments': {'config', 'data', 'degradation', 'evaluation', 'loop', 'networks', 'runs'},
}
TRAINING_ROOMS['commands'] = set(TRAINING_ROOMS)
# What of `restore_node` training may use: neither ROS 2 nor the commands of a vehicle.
SHARED_WITH_TRAINING = {'common', 'model', 'messages', 'backends', 'runtime'}
# What a room may import of other libraries, where the list is short enough to be a rule.
LIBRARIES = {
    'common': {'numpy', 'cv2', 'rich'},
    'model': set(),
    'messages': {'numpy', 'cv2', 'rosbags'},
    'engine': {'numpy', 'cv2'},
    'backends': {'numpy', 'cv2'},
    'runtime': {'numpy', 'cv2'},
}
# Libraries that one file imports, and only when it is opened.
OPENED_BY = {
    'onnxruntime': {'restore_node/backends/onnxruntime.py'},
    'openvino': {'restore_node/backends/openvino.py'},
    'tensorrt': {'restore_node/engine/trt.py'},
    'cuda': {'restore_node/engine/cuda_runtime.py'},
}
ROS_LIBRARIES = {
    'rclpy',
    'sensor_msgs',
    'std_msgs',
    'std_srvs',
    'diagnostic_msgs',
    'diagnostic_updater',
    'cv_bridge',
    'launch',
}
NEVER_IN_RESTORE_NODE = {'torch', 'training'}
TORCHLESS = ['training/degradation', 'training/drive', 'training/commands/make_drive.py']
BLOCKED = ['torch', 'rclpy', 'tensorrt', 'onnxruntime', 'openvino', 'cuda', 'cv_bridge']


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
    """The folder, or the file, of a package that a module is in; empty for the package itself."""
    return [*module.split('.'), ''][1]


RESTORE_NODE = files_under('restore_node')
TRAINING = files_under('training')
PACKAGES = {dotted(file) for file in RESTORE_NODE + TRAINING if file.endswith('__init__.py')}


def test_every_file_is_in_a_room() -> None:
    for files, rooms in ((RESTORE_NODE, ROOMS), (TRAINING, TRAINING_ROOMS)):
        assert {room_of(dotted(file)) for file in files} == {'', *rooms}


@pytest.mark.parametrize('file', RESTORE_NODE)
def test_a_file_imports_only_what_its_room_may(file: str) -> None:
    room = room_of(dotted(file))
    faults = []
    for found in imports_of(ROOT / file):
        if found.library in NEVER_IN_RESTORE_NODE:
            faults.append(f'{file}:{found.line}: {found.name} is never imported by restore_node')
        elif found.library == 'restore_node':
            wanted = {'', room, *ROOMS[room]}
            if room_of(found.name) not in wanted:
                faults.append(f'{file}:{found.line}: {room} imports {found.name}, want {sorted(wanted)}')
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


@pytest.mark.parametrize('file', TRAINING)
def test_a_file_of_training_imports_only_what_its_room_may(file: str) -> None:
    room = room_of(dotted(file))
    faults = []
    for found in imports_of(ROOT / file):
        other = room_of(found.name)
        if found.library == 'training' and other not in {room, *TRAINING_ROOMS[room]}:
            faults.append(f'{file}:{found.line}: {room} imports {found.name}')
        elif found.library == 'restore_node' and other not in SHARED_WITH_TRAINING:
            faults.append(f'{file}:{found.line}: {found.name} is nothing for training')
        elif found.library in ROS_LIBRARIES:
            faults.append(f'{file}:{found.line}: {found.name}, want no ROS 2 in training')
    assert not faults, '\n'.join(faults)


@pytest.mark.parametrize('rooms', [ROOMS, TRAINING_ROOMS], ids=['restore_node', 'training'])
def test_the_rooms_have_an_order(rooms: dict[str, set[str]]) -> None:
    def reach(room: str, above: tuple[str, ...] = ()) -> None:
        assert room not in above, f'{" -> ".join((*above, room))} goes in a circle'
        for below in rooms[room]:
            reach(below, (*above, room))

    for room in rooms:
        reach(room)


@pytest.mark.parametrize('file', files_under(*TORCHLESS))
def test_making_a_drive_needs_no_torch(file: str) -> None:
    assert 'torch' not in {found.library for found in imports_of(ROOT / file)}


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
