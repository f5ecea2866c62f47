"""`ros2 launch` for a ROS 2 runtime that has the launch library but not the verb.

Takes what users type: `ros2 launch PACKAGE FILE name:=value ...` and `ros2 launch PATH name:=value ...`.
"""

import argparse
import os
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import (
    AnyLaunchDescriptionSource,
    get_launch_description_from_any_launch_file,
)
from ros2cli.command import CommandExtension


class LaunchCommand(CommandExtension):
    """Run a launch file."""

    def add_arguments(self, parser: argparse.ArgumentParser, cli_name: str) -> None:
        """Declare the arguments of the verb."""
        parser.add_argument('-n', '--noninteractive', action='store_true', help='run without a terminal')
        parser.add_argument('-d', '--debug', action='store_true', help='log what the launch system does')
        parser.add_argument('-s', '--show-args', action='store_true', help="show the launch file's arguments")
        parser.add_argument('package_or_path', help='a package, or the path of a launch file')
        parser.add_argument('file_or_argument', nargs='?', help="the launch file's name within the package")
        parser.add_argument('arguments', nargs='*', help='name:=value', metavar='name:=value')

    def main(self, *, parser: argparse.ArgumentParser, args: argparse.Namespace) -> int | str:
        """Run the verb; gives the launch service's exit code, or an error line, which exits 1."""
        rest = [*([args.file_or_argument] if args.file_or_argument else []), *args.arguments]
        try:
            path = _launch_file(args.package_or_path, rest)
            arguments = [_name_and_value(argument) for argument in rest]
        except ValueError as error:
            return str(error)
        if args.show_args:
            _show_arguments(path)
            return 0
        service = LaunchService(argv=rest, noninteractive=args.noninteractive, debug=args.debug)
        source = AnyLaunchDescriptionSource(path)
        include = IncludeLaunchDescription(source, launch_arguments=arguments)
        service.include_launch_description(LaunchDescription([include]))
        return service.run()


def _launch_file(package_or_path: str, rest: list[str]) -> str:
    """Find the launch file; takes its name off `rest` where the first word was a package."""
    if os.path.isfile(package_or_path):
        return os.path.abspath(package_or_path)
    if not rest or ':=' in rest[0]:
        raise ValueError(
            f'{package_or_path}: got no such launch file, want a file, or a package and a file name'
        )
    name = rest.pop(0)
    try:
        share = Path(get_package_share_directory(package_or_path))
    except PackageNotFoundError as error:
        raise ValueError(
            f'package {package_or_path}: got none, want one that is built and sourced'
        ) from error
    found = sorted(path for path in share.rglob(name) if path.is_file())
    if len(found) != 1:
        raise ValueError(f'{name}: got {len(found)} such files under {share}, want one')
    return str(found[0])


def _name_and_value(argument: str) -> tuple[str, str]:
    name, separator, value = argument.partition(':=')
    if not (name and separator):
        raise ValueError(f'launch argument: got {argument!r}, want name:=value')
    return name, value


def _show_arguments(path: str) -> None:
    print("Arguments (pass arguments as 'name:=value'):")
    description = get_launch_description_from_any_launch_file(path)
    for argument in description.get_launch_arguments():
        default = argument.default_value
        shown = 'required' if default is None else 'default: ' + repr(''.join(map(_as_text, default)))
        choices = f', one of {argument.choices}' if argument.choices else ''
        print(f"\n    '{argument.name}':\n        {argument.description}\n        ({shown}{choices})")


def _as_text(substitution: object) -> str:
    describe = getattr(substitution, 'describe', None)
    text = getattr(substitution, 'text', None)
    return text if isinstance(text, str) else describe() if describe else str(substitution)
