"""Restore one camera, or several in one process.

    ros2 launch restore_node restore.launch.py image:=/front/image_raw
    ros2 launch restore_node restore.launch.py cameras:="[front, left, right, rear]" image:=image

The second restores front/image to front/image_restored, and so on. Included more than once, each in a group
of its own: docs/vehicle.md.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from restore_node.ros.topics import check_names

ARGUMENTS = {
    'cameras': ('', 'Names of several cameras, such as "[front, rear]"; empty takes what params_file says.'),
    'image': ('image_raw', 'Image topic to restore, under the name of each of the cameras.'),
    'restored': ('', 'Topic of the restored image, likewise; empty puts image_restored beside the input.'),
    'namespace': ('', 'Namespace of the node.'),
    'name': ('restore_node', 'Name of the node.'),
    'model': ('', 'Model name or path of a .onnx file; empty takes what params_file says.'),
    'image_transport': ('', 'raw or compressed; empty takes what params_file says.'),
    'autostart': (
        '',
        'false leaves the transitions to a lifecycle manager; empty takes what params_file says.',
    ),
    'use_sim_time': ('false', 'Take the time from /clock, as for a bag replay.'),
    'log_level': ('info', 'debug, info, warn, error or fatal.'),
    'respawn': ('false', 'Start the node again when it dies.'),
}


FLAGS = {
    'true': True,
    '1': True,
    'yes': True,
    'on': True,
    'false': False,
    '0': False,
    'no': False,
    'off': False,
}


def _flag(name, value):
    """An argument that is true or false; anything else would be taken for false without a word."""
    if value.lower() not in FLAGS:
        raise ValueError(f'{name}: got {value}, want true or false')
    return FLAGS[value.lower()]


def _names(cameras):
    """The cameras' names, from a list with or without brackets; one empty name where none are given."""
    names = [name.strip(' "\'') for name in cameras.strip(' []').split(',')]
    names = [] if cameras and names == [''] else names
    check_names(names)
    return names


def _remappings(names, image, restored):
    """The rules for each camera; `image` and `restored` may be absolute where there is only one."""
    if not restored:
        restored = image.rsplit('/', 1)[0] + '/image_restored' if '/' in image else 'image_restored'
    for name, topic in (('image', image), ('restored', restored)):
        if names != [''] and topic.startswith('/'):
            raise ValueError(f'{name}: got {topic}, want a name under that of each camera, such as image_raw')
    prefixes = [f'{name}/' if name else '' for name in names]
    given = (('image_raw', image), ('image_restored', restored))
    return [(prefix + topic, prefix + target) for prefix in prefixes for topic, target in given]


def _node(context):
    """The node, once the arguments have values."""
    given = {name: LaunchConfiguration(name).perform(context) for name in [*ARGUMENTS, 'params_file']}
    # launch_ros would only warn, and the node would run with other parameters than those asked for.
    if not Path(given['params_file']).is_file():
        raise FileNotFoundError(f'params_file: got {given["params_file"]}, which is no file')
    image, names = given['image'].removesuffix('/compressed'), _names(given['cameras'])
    if image != given['image']:
        given['image_transport'] = 'compressed'
    parameters = [given['params_file'], {'use_sim_time': _flag('use_sim_time', given['use_sim_time'])}]
    parameters += [{name: given[name]} for name in ('model', 'image_transport') if given[name]]
    if given['cameras']:
        parameters.append({'cameras': names})
    if given['autostart']:
        parameters.append({'autostart': _flag('autostart', given['autostart'])})
    return [
        Node(
            package='restore_node',
            executable='restore_node',
            name=given['name'],
            namespace=given['namespace'],
            parameters=parameters,
            remappings=_remappings(names, image, given['restored']),
            arguments=['--ros-args', '--log-level', f'{given["name"]}:={given["log_level"]}'],
            output='screen',
            respawn=_flag('respawn', given['respawn']),
            respawn_delay=1.0,
        )
    ]


def generate_launch_description():
    """Declare the arguments and start the node."""
    params = PathJoinSubstitution([FindPackageShare('restore_node'), 'config', 'restore.yaml'])
    return LaunchDescription(
        [
            DeclareLaunchArgument(name, default_value=default, description=text)
            for name, (default, text) in ARGUMENTS.items()
        ]
        + [
            DeclareLaunchArgument(
                'params_file', default_value=params, description='YAML file of node parameters.'
            ),
            OpaqueFunction(function=_node),
        ]
    )
