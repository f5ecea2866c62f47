#!/usr/bin/env bash
# Runs one command in the set-up shell and leaves no trace of it behind:
#   dev/ros2_run.sh [--distro jazzy|humble] COMMAND [ARGUMENT...]
set -euo pipefail

distro=''
if [[ ${1-} == --distro ]]; then
    distro=${2:?--distro: got nothing, want jazzy or humble}
    shift 2
fi
if [[ $# -eq 0 ]]; then
    echo 'error: command: got nothing, want a command to run; dev/ros2_run.sh ros2 topic list' >&2
    exit 2
fi
set +u  # the setup files of ROS 2 and colcon read unset variables
source "$(dirname "${BASH_SOURCE[0]}")/setup.bash" "$distro"
exec "$@"
