"""Whether a parameter was meant for this node, or for whoever reads a shared file."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore_node.common.errors import ConfigError
from restore_node.ros.overrides import judge_qos_overrides, names_for_all

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


ENDS = {'/front/image_raw.subscription', '/front/image_restored.publisher'}


@pytest.mark.parametrize(
    ('name', 'value', 'complaint'),
    [
        ('/front/image_rae.subscription.reliability', 'reliable', 'changes nothing'),
        ('image_raw.subscription.reliability', 'reliable', 'as it is after remapping'),
        ('/front/image_raw.publisher.reliability', 'reliable', 'one of /front/image_raw.subscription'),
        ('/front/image_raw.subscription.reliabilty', 'reliable', 'one of depth, history, reliability'),
        ('/front/image_raw.subscription.durability', 'volatile', 'one of depth, history, reliability'),
        ('/front/image_raw.subscription.reliability', 'relaible', 'one of reliable, best_effort'),
        ('/front/image_raw.subscription.depth', 'deep', 'an integer above 0'),
        ('/front/image_raw.subscription.depth', 0, 'an integer above 0'),
        ('/front/image_raw', 'reliable', 'changes nothing'),
    ],
)
def test_a_qos_override_that_changes_nothing_is_refused(name: str, value: object, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        judge_qos_overrides({f'qos_overrides.{name}': value}, ENDS, [])


def test_qos_overrides_of_this_node_are_taken() -> None:
    given = {'reliability': 'reliable', 'depth': 3, 'history': 'keep_last'}
    names = {f'qos_overrides./front/image_raw.subscription.{name}': value for name, value in given.items()}
    assert judge_qos_overrides(names, ENDS, []) == []


def test_qos_overrides_of_other_nodes_in_a_shared_file_are_a_warning(tmp_path: Path) -> None:
    file = tmp_path / 'vehicle.yaml'
    file.write_text(
        '/**:\n  ros__parameters:\n    qos_overrides: {/odom: {publisher: {reliability: best_effort}}}\n'
    )
    name = 'qos_overrides./odom.publisher.reliability'
    arguments = ['--ros-args', '--params-file', str(file)]
    (line,) = judge_qos_overrides({name: 'best_effort'}, ENDS, arguments)
    assert name in line
