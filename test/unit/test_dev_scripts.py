"""The scripts in dev/: what they find, refuse, and keep apart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which('bash') is None, reason='the scripts in dev/ are bash')


def bash(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = ['bash', '-c', script]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_python_found_is_never_that_of_an_environment() -> None:
    """In the set-up shell .venv/node comes first on the PATH; made from itself, it would be removed first."""
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    path = f'{Path(sys.prefix) / "bin"}:{os.environ["PATH"]}'
    found = bash(
        f'source dev/common.sh; find_python {version}; base_python python3', PATH=path
    ).stdout.split()
    assert len(found) == 2
    for python in found:
        assert not Path(python).parent.parent.joinpath('pyvenv.cfg').exists()


def test_a_python_that_does_not_answer_is_passed_over(tmp_path: Path) -> None:
    shim = tmp_path / 'python3.99'
    shim.write_text('#!/bin/sh\nexit 127\n')
    shim.chmod(0o755)
    done = bash('source dev/common.sh; find_python 3.99', PATH=f'{tmp_path}:{os.environ["PATH"]}')
    assert (done.returncode, done.stdout) == (1, '')


@pytest.mark.parametrize(
    ('variables', 'expected'),
    [
        (
            {'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '/opt/ros/jazzy', 'RESTORE_NODE_REGISTRY_ROS': ''},
            'yes',
        ),
        ({'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '', 'RESTORE_NODE_REGISTRY_ROS': ''}, 'no'),
        (
            {'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '/c/.ros', 'RESTORE_NODE_REGISTRY_ROS': '/c/.ros'},
            'no',
        ),
    ],
)
def test_only_a_users_own_ros_counts_as_sourced(variables: dict[str, str], expected: str) -> None:
    done = bash('source dev/common.sh; ros_is_sourced && echo yes || echo no', **variables)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ('command', 'seen', 'wanted'),
    [
        ('dev/setup.sh nodes', 'got nodes', 'want node, train, py310 or trt'),
        ('dev/ros2_run.sh', 'got nothing', 'want a command'),
        ('dev/ros2_run.sh --distro', 'got nothing', 'want jazzy or humble'),
    ],
)
def test_bad_input_is_refused_in_one_line(command: str, seen: str, wanted: str) -> None:
    done = bash(command)
    assert done.returncode != 0
    assert seen in done.stderr
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_path_with_a_space_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / 'my checkout' / 'dev'
    shutil.copytree(ROOT / 'dev', copy)
    done = bash(f'"{copy}/setup.sh" node')
    assert done.returncode == 2
    assert 'without spaces' in done.stderr
    assert not (copy.parent / '.venv').exists()


def test_two_runs_claim_two_domains_and_give_them_back(tmp_path: Path) -> None:
    """All but two of the 101 domains are held; a third claim must fail, until the first two have ended."""
    claim = (
        'eval "$(sed -n \'/^_restore_node_claim_domain/,/^}/p\' dev/setup.bash)"; _restore_node_claim_domain'
    )
    hold = 'for i in {1..99}; do exec {fd}> "$TMPDIR/restore_node_domains/$i"; flock -n $fd; done'
    script = f"""
        mkdir -p "$TMPDIR/restore_node_domains"; {hold}
        {claim} && first=$ROS_DOMAIN_ID
        {claim} && second=$ROS_DOMAIN_ID
        echo "$first $second"
        {claim}
    """
    done = bash(script, TMPDIR=str(tmp_path))
    assert sorted(done.stdout.split(), key=int) == ['100', '101']
    assert done.returncode == 2
    assert 'got 101 domains in use' in done.stderr
    assert bash(f'{claim}; echo $ROS_DOMAIN_ID', TMPDIR=str(tmp_path)).stdout.strip()
