"""Restore one camera: `ros2 launch restore_node restore.launch.py image:=/front/image_raw`.

Included more than once, each in a group of its own: docs/vehicle.md.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = {
    'image': ('image_raw', 'Image topic to restore; camera_info is looked for beside it.'),
    'restored': ('', 'Topic of the restored image; empty puts image_restored beside the input.'),
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


def _node(context):
    """The node, once the arguments have values."""
    given = {name: LaunchConfiguration(name).perform(context) for name in [*ARGUMENTS, 'params_file']}
    # launch_ros would only warn, and the node would run with other parameters than those asked for.
    if not Path(given['params_file']).is_file():
        raise FileNotFoundError(f'params_file: got {given["params_file"]}, which is no file')
    image, restored = given['image'].removesuffix('/compressed'), given['restored']
    if image != given['image']:
        given['image_transport'] = 'compressed'
    if not restored:
        restored = image.rsplit('/', 1)[0] + '/image_restored' if '/' in image else 'image_restored'
    parameters = [given['params_file'], {'use_sim_time': _flag('use_sim_time', given['use_sim_time'])}]
    parameters += [{name: given[name]} for name in ('model', 'image_transport') if given[name]]
    if given['autostart']:
        parameters.append({'autostart': _flag('autostart', given['autostart'])})
    return [
        Node(
            package='restore_node',
            executable='restore_node',
            name=given['name'],
            namespace=given['namespace'],
            parameters=parameters,
            remappings=[('image_raw', image), ('image_restored', restored)],
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
