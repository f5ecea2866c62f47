"""`ros2 launch` as users type it, also where dev/ros2launch_verb supplies it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros

LAUNCH_FILE = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess
from launch.substitutions import LaunchConfiguration

def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument('word', default_value='nothing', description='what is said'),
        ExecuteProcess(cmd=['echo', 'said:', LaunchConfiguration('word')], output='screen'),
    ])
"""


def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ['ros2', 'launch', *arguments], capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def launch_file(tmp_path: Path) -> str:
    path = tmp_path / 'say.launch.py'
    path.write_text(LAUNCH_FILE)
    return str(path)


def test_a_launch_file_runs_with_its_arguments(launch_file: str) -> None:
    done = launch(launch_file, 'word:=hello there')
    assert done.returncode == 0, done.stderr
    assert 'said: hello there' in done.stdout


def test_arguments_are_shown(launch_file: str) -> None:
    done = launch('--show-args', launch_file)
    assert done.returncode == 0, done.stderr
    assert "'word'" in done.stdout
    assert "default: 'nothing'" in done.stdout
    assert 'said' not in done.stdout.replace('what is said', '')


def test_the_launch_files_of_the_package_are_found_by_name() -> None:
    for name in ('restore.launch.py', 'replay.launch.py'):
        done = launch('--show-args', 'restore_node', name)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ('arguments', 'seen'),
    [
        (('no_such_package', 'restore.launch.py'), 'no_such_package'),
        (('restore_node', 'no_such.launch.py'), 'no_such.launch.py'),
        (('no_such.launch.py',), 'no_such.launch.py'),
        (('restore_node', 'restore.launch.py', 'model=x'), 'model=x'),
    ],
)
def test_what_cannot_be_launched_fails_and_says_so(arguments: tuple[str, ...], seen: str) -> None:
    done = launch(*arguments)
    assert done.returncode != 0
    assert seen in done.stderr
    assert 'Traceback' not in done.stderr
