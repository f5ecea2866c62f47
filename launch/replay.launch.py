"""Play a bag through the real node and record what it publishes (docs/contracts.md, section 5).

Player, node and recorder end in this order, each by the end of the one before. The launch fails (exit code 1)
when one of them ends out of turn or with an error.
"""

import signal
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.events.process import ProcessExited, SignalProcess
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = [
    DeclareLaunchArgument('bag', description='rosbag2 folder, or an .mcap or .db3 file'),
    DeclareLaunchArgument('output', description='folder for restored/, journal.jsonl and player.json'),
    DeclareLaunchArgument(
        'model', default_value='', description='name or .onnx file; empty: as in params_file'
    ),
    DeclareLaunchArgument('topic', default_value='/camera/image_raw', description='image topic of the bag'),
    DeclareLaunchArgument('rate', default_value='1.0', description='bag seconds per wall second'),
    DeclareLaunchArgument('all', default_value='false', description='play the other topics of the bag too'),
    DeclareLaunchArgument('wait', default_value='60.0', description='longest wait for the node, seconds'),
    DeclareLaunchArgument('log_level', default_value='info', description='log level of the node'),
    DeclareLaunchArgument(
        'params_file',
        default_value=PathJoinSubstitution([FindPackageShare('restore_node'), 'config', 'restore.yaml']),
        description='parameters of the node',
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Return the arguments, and the replay that is set up once they are known."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_replay)])


def _replay(context: LaunchContext) -> list:
    given = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    # launch_ros would only warn, and the node would run with other parameters than those asked for.
    if not Path(given['params_file']).is_file():
        raise FileNotFoundError(
            f'no file {given["params_file"]}; params_file:= names the parameters of the node'
        )
    output = Path(given['output'])
    topic = given['topic'].removesuffix('/compressed')
    namespace = topic.rpartition('/')[0]
    restored = f'{namespace}/image_restored'
    if restored == topic:
        raise ValueError(f'topic {topic} is what the node publishes; topic:= names what it is to restore')

    parameters = {
        'use_sim_time': True,
        'journal': str(output / 'journal.jsonl'),
    }
    if given['model']:
        parameters['model'] = given['model']
    if given['topic'].endswith('/compressed'):
        parameters['image_transport'] = 'compressed'
    node = Node(
        package='restore_node',
        executable='restore_node',
        name='restore_node',
        parameters=[given['params_file'], parameters],
        remappings=[('image_raw', topic), ('image_restored', restored)],
        ros_arguments=['--log-level', f'restore_node:={given["log_level"]}'],
        output='both',
    )
    recorder = Node(
        package='restore_node',
        executable='recorder',
        arguments=[str(output / 'restored'), restored, f'{namespace}/camera_info'],
        parameters=[{'use_sim_time': True}],
        output='both',
    )
    player = Node(
        package='restore_node',
        executable='player',
        arguments=[
            given['bag'],
            *('--topic', given['topic'], '--rate', given['rate'], '--wait', given['wait']),
            *('--answer', restored, '--report', str(output / 'player.json')),
            *(['--all'] if given['all'].lower() == 'true' else []),
        ],
        output='both',
    )
    return [node, recorder, player, *_end_in_turn(player, node, recorder)]


def _end_in_turn(*processes: Node) -> list[RegisterEventHandler]:
    """Interrupt each process when the one before it has ended well; fail the launch when one has not."""
    ended: list[Node] = []

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[EmitEvent]:
        if context.is_shutdown:
            return []
        position = len(ended)
        if event.returncode or event.action is not processes[position]:
            raise RuntimeError(
                f'{event.process_name} ended before its turn or badly, exit code {event.returncode}'
            )
        ended.append(event.action)
        return [
            EmitEvent(
                event=SignalProcess(signal_number=signal.SIGINT, process_matcher=matches_action(following))
            )
            for following in processes[position + 1 : position + 2]
        ]

    return [RegisterEventHandler(OnProcessExit(on_exit=on_exit))]
