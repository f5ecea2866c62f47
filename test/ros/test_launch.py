"""The commands that users type: ros2 launch, ros2 run, remapping; and the module of generated parameters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from node_harness import image_message, picture, pixels_of, wait_for

pytestmark = pytest.mark.ros

ROOT = Path(__file__).resolve().parents[2]


def assert_restores(bench, source: str, target: str):
    wait_for(lambda: bench.node.count_subscribers(source), f'the node to subscribe {source}')
    camera, received = bench.camera(source), bench.detector(target)
    sent = image_message(picture(), (0, 0))  # a stamp that is never too old
    camera.publish(sent)
    wait_for(lambda: received, f'a frame on {target}')
    np.testing.assert_array_equal(pixels_of(received[0]), pixels_of(sent) + 10)


@pytest.mark.parametrize(
    ('arguments', 'source', 'target'),
    [
        (['image:=/front/image_raw'], '/front/image_raw', '/front/image_restored'),
        (['namespace:=left', 'name:=eyes'], '/left/image_raw', '/left/image_restored'),
        (['image:=/rear/image_raw', 'restored:=/detector/image'], '/rear/image_raw', '/detector/image'),
        (['cameras:=[front, rear]', 'image:=image'], '/rear/image', '/rear/image_restored'),
        (
            ['cameras:=front,rear', 'namespace:=car', 'restored:=clean/image'],
            '/car/front/image_raw',
            '/car/front/clean/image',
        ),
    ],
)
def test_ros2_launch_restores_and_stops_cleanly(bench, make_model, arguments, source, target):
    command = ['ros2', 'launch', 'restore_node', 'restore.launch.py', f'model:={make_model()}', *arguments]
    launch = bench.start(command)
    assert_restores(bench, source, target)
    assert launch.stop() == 0, launch.output
    assert 'Traceback' not in launch.output


def test_ros2_launch_takes_a_parameter_file(bench, make_model, tmp_path):
    params = tmp_path / 'mine.yaml'
    params.write_text(f'/**:\n  ros__parameters:\n    model: {make_model()}\n    max_age: 0.0\n')
    bench.start(['ros2', 'launch', 'restore_node', 'restore.launch.py', f'params_file:={params}'])
    assert_restores(bench, '/image_raw', '/image_restored')


@pytest.mark.parametrize(
    ('argument', 'complaint'),
    [
        ('params_file:=/nowhere/mine.yaml', 'params_file: got /nowhere/mine.yaml'),
        ('use_sim_time:=maybe', 'use_sim_time: got maybe, want true or false'),
        ('autostart:=2', 'autostart: got 2, want true or false'),
        ('respawn:=y', 'respawn: got y, want true or false'),
        ('cameras:=[]', 'cameras is empty: got [], want names such as [front, left, right, rear]'),
        ('cameras:=[front, 2nd]', "cameras has a name that no topic can have: got '2nd'"),
    ],
)
def test_an_argument_that_means_nothing_is_refused_in_one_line(bench, argument, complaint):
    launch = bench.start(['ros2', 'launch', 'restore_node', 'restore.launch.py', argument])
    assert launch.wait() == 1
    assert complaint in launch.output
    assert 'Traceback' not in launch.output


def test_an_absolute_topic_for_several_cameras_is_refused(bench):
    launch = bench.start(
        ['ros2', 'launch', 'restore_node', 'restore.launch.py', 'cameras:=[a, b]', 'image:=/x']
    )
    assert launch.wait() == 1
    assert 'image: got /x, want a name under that of each camera' in launch.output


def test_one_is_true_and_a_compressed_suffix_is_understood(bench, make_model):
    arguments = ['use_sim_time:=1', 'image:=/front/image_raw/compressed', f'model:={make_model()}']
    launch = bench.start(['ros2', 'launch', 'restore_node', 'restore.launch.py', *arguments])
    wait_for(lambda: bench.node.count_subscribers('/front/image_raw/compressed'), 'the compressed topic')
    wait_for(lambda: bench.node.count_publishers('/front/image_restored'), 'the restored topic')
    wait_for(lambda: bench.node.count_subscribers('/clock'), 'the simulated clock')
    assert launch.stop() == 0, launch.output


def test_two_cameras_of_the_documented_launch_file_do_not_leak_into_each_other(bench, tmp_path):
    """Nor do a parent's arguments of the same names, which are set here to what must not arrive."""
    text = (ROOT / 'docs' / 'vehicle.md').read_text().partition('<!-- two cameras')[2]
    text = text.partition('```python\n')[2].partition('```')[0]
    file = tmp_path / 'cameras.launch.py'
    file.write_text(text)
    wrong = [
        'restored:=/wrong/image',
        'namespace:=wrong',
        'name:=wrong',
        'params_file:=/nowhere',
        'image:=/x',
    ]
    launch = bench.start(['ros2', 'launch', str(file), *wrong])
    for source, target in (('/front/image_raw', '/front/clean'), ('/rear/image_raw', '/rear/image_restored')):
        wait_for(lambda topic=source: bench.node.count_subscribers(topic), f'a subscription of {source}')
        wait_for(lambda topic=target: bench.node.count_publishers(topic), f'a publisher of {target}')

    def names() -> set[str]:
        return {name for name, _ in bench.node.get_node_names_and_namespaces()}

    wait_for(lambda: {'restore_front', 'restore_rear'} <= names(), 'the names of both nodes')
    assert 'wrong' not in names()
    assert launch.stop() == 0, launch.output


def test_ros2_run_with_remapping(bench, make_model):
    remaps = [
        '-r',
        'image_raw:=/cam/image',
        '-r',
        'image_restored:=/cam/clean',
        '-p',
        f'model:={make_model()}',
    ]
    node = bench.start(['ros2', 'run', 'restore_node', 'restore_node', '--ros-args', *remaps])
    assert_restores(bench, '/cam/image', '/cam/clean')
    assert node.stop() == 0, node.output


def test_parameters_module_is_generated_from_the_yaml(tmp_path):
    folder = ROOT / 'restore_node' / 'ros'
    made = tmp_path / 'parameters.py'
    subprocess.run(
        [
            sys.executable,
            '-m',
            'generate_parameter_library_py.generate_python_module',
            made,
            folder / 'parameters.yaml',
        ],
        check=True,
        capture_output=True,
    )
    assert made.read_text() == (folder / 'parameters.py').read_text(), 'run: make build'
