"""Whether a parameter was meant for this node, or for whoever reads a shared file."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore_node.ros.overrides import names_for_all

SHARED = """
/**:
  ros__parameters:
    model: night
    wheel_base: 2.8
    engine: {precision: fp16, torque: 3}
/front/**:
  detector:
    ros__parameters: {threshold: 0.5}
/front/restore_node:
  ros__parameters: {modle: night}
"""


@pytest.fixture
def shared(tmp_path: Path) -> str:
    file = tmp_path / 'vehicle.yaml'
    file.write_text(SHARED)
    return str(file)


def test_what_a_pattern_sets_is_for_all(shared: str) -> None:
    names = names_for_all(['node', '--ros-args', '--params-file', shared])
    assert names == {'model', 'wheel_base', 'engine.precision', 'engine.torque', 'threshold'}


def test_what_is_typed_is_for_this_node(shared: str) -> None:
    typed = ['-p', 'wheel_base:=3.0', '--param', 'restore_node:threshold:=1.0']
    names = names_for_all(['node', '--ros-args', '--params-file', shared, *typed])
    assert names == {'model', 'engine.precision', 'engine.torque'}


def test_arguments_that_are_not_ros_count_for_nothing(shared: str) -> None:
    assert names_for_all(['node', '--params-file', shared]) == set()
    assert names_for_all(['node', '--ros-args', '-r', 'a:=b', '--', '--params-file', shared]) == set()
    assert names_for_all(['node', '--ros-args', '--params-file']) == set()


@pytest.mark.parametrize('content', ['', 'a: [', 'just text', '/**: 3', '/**: {ros__parameters: [1]}'])
def test_a_file_that_is_none_is_left_to_rcl(tmp_path: Path, content: str) -> None:
    file = tmp_path / 'odd.yaml'
    file.write_text(content)
    assert names_for_all(['node', '--ros-args', '--params-file', str(file)]) == set()
    assert names_for_all(['node', '--ros-args', '--params-file', str(tmp_path / 'missing.yaml')]) == set()
