"""Restore one camera: `ros2 launch restore_node restore.launch.py image:=/front/image_raw`."""

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


def _node(context):
    """The node, once the arguments have values."""
    given = {name: LaunchConfiguration(name).perform(context) for name in [*ARGUMENTS, 'params_file']}
    image, restored = given['image'], given['restored']
    if not restored:
        restored = image.rsplit('/', 1)[0] + '/image_restored' if '/' in image else 'image_restored'
    parameters = [given['params_file'], {'use_sim_time': given['use_sim_time'].lower() == 'true'}]
    parameters += [{name: given[name]} for name in ('model', 'image_transport') if given[name]]
    if given['autostart']:
        parameters.append({'autostart': given['autostart'].lower() == 'true'})
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
            respawn=given['respawn'].lower() == 'true',
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
