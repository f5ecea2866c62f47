# Shared by the scripts in this folder; to be sourced by bash. Sets `root`, the checkout.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 2; }

# A user's own ROS 2 comes first. The set-up shell marks the registry runtime, which is not one.
ros_is_sourced() { [[ -n ${ROS_DISTRO-} && -n ${AMENT_PREFIX_PATH-} && -z ${RESTORE_NODE_REGISTRY_ROS-} ]]; }

# Runs a command without the ROS environment: under it a Python of another version dies in launch_testing's
# pytest plugin, and every child would load the runtime's libraries.
without_ros() {
    env -u PYTHONPATH -u LD_LIBRARY_PATH -u AMENT_PREFIX_PATH -u COLCON_PREFIX_PATH -u ROS_DISTRO \
        -u RESTORE_NODE_REGISTRY_ROS "$@"
}

# Prints the interpreter behind a Python command; inside a virtual environment that is not the environment's own.
base_python() { without_ros "$1" -c 'import os, sys; print(os.path.realpath(sys._base_executable))'; }

# Prints the path of a Python of the given version that really answers; a version manager's shim may refuse.
find_python() {
    local version=$1 candidate
    for candidate in "$(type -P "python$version")" \
            "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python \
            "$HOME"/.local/share/uv/python/cpython-"$version".*/bin/python /usr/bin/python"$version"; do
        [[ -x $candidate ]] || continue
        without_ros "$candidate" -c "import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" \
            2>/dev/null || continue
        base_python "$candidate"
        return
    done
    return 1
}
