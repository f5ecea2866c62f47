# The set-up shell: source dev/setup.bash [jazzy|humble]
# Puts ROS 2 (a sourced one as it is, else the registry's), .venv/node and the built package into this shell,
# keeps discovery to this machine and claims a ROS_DOMAIN_ID of its own, unless those are set already.
# Everything started here runs under the runtime's libraries; dev/ros2_run.sh does it for one command only.

_restore_node_setup() {
    local root
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || return
    "$root/dev/setup.sh" node || return

    if [[ -z ${ROS_DISTRO-} || -z ${AMENT_PREFIX_PATH-} || -n ${RESTORE_NODE_REGISTRY_ROS-} ]]; then
        local distro=${1:-${RESTORE_NODE_REGISTRY_ROS##*/}}
        distro=${distro:-jazzy}
        local ros=$root/.ros/$distro
        if [[ ! -d $ros ]]; then
            printf 'error: ROS 2 distribution: got %s, want jazzy or humble\n' "$distro" >&2
            return 2
        fi
        export RESTORE_NODE_REGISTRY_ROS=$ros ROS_DISTRO=$distro ROS_VERSION=2 ROS_PYTHON_VERSION=3
        export AMENT_PREFIX_PATH=$ros PYTHONPATH=$ros/rclpy LD_LIBRARY_PATH=$ros/lib
        unset COLCON_PREFIX_PATH
    elif [[ -n ${1-} && $1 != "$ROS_DISTRO" ]]; then
        printf 'error: ROS 2 distribution: got %s, want %s, which is sourced\n' "$1" "$ROS_DISTRO" >&2
        return 2
    fi
    export RMW_IMPLEMENTATION=${RMW_IMPLEMENTATION:-rmw_fastrtps_cpp}
    export ROS_LOG_DIR=${ROS_LOG_DIR:-$root/log/ros}
    [[ :$PATH: == *":$root/.venv/node/bin:"* ]] || export PATH=$root/.venv/node/bin:$PATH

    if [[ $ROS_DISTRO == humble ]]; then
        export ROS_LOCALHOST_ONLY=${ROS_LOCALHOST_ONLY:-1}
    else
        export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
    fi
    [[ -n ${ROS_DOMAIN_ID-} ]] || _restore_node_claim_domain || return

    # shellcheck disable=SC1091
    [[ ! -f $root/install/local_setup.bash ]] || source "$root/install/local_setup.bash"
}

# Holds a lock on one of 101 files for as long as this shell lives, so that no two runs share a domain.
_restore_node_claim_domain() {
    local folder=${TMPDIR:-/tmp}/restore_node_domains domain descriptor
    mkdir -p "$folder" && chmod 1777 "$folder" 2> /dev/null
    for domain in $(shuf -i 1-101); do
        exec {descriptor}> "$folder/$domain" || continue
        if flock --nonblock "$descriptor"; then
            export ROS_DOMAIN_ID=$domain
            return
        fi
        exec {descriptor}>&-
    done
    printf 'error: ROS_DOMAIN_ID: got 101 domains in use, want a free one; end some runs or set it\n' >&2
    return 2
}

_restore_node_setup "$@"
