"""Findings about this machine's software: Python's libraries, ROS 2, the model and the cache folder."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import restore_node
from restore_node.common.errors import RestoreError
from restore_node.common.host import describe_host, host_line
from restore_node.engine.cache import EngineCache, cache_folder
from restore_node.model import Model, load_model
from restore_node.tools.doctor.child import ask
from restore_node.tools.doctor.findings import ABSENT, BROKEN, OK, Finding

#: An engine takes some MiB; its build, and those of other sizes, should not fill the disk.
LEAST_FREE_MIB = 256


def check_host() -> Finding:
    """Machine and operating system."""
    facts = describe_host()
    return Finding('machine', OK, f'{host_line(facts)}; {facts.get("jetson", facts["os"])}', facts=facts)


def check_package() -> Finding:
    """Which restore_node this is, and in which Python."""
    place = str(Path(restore_node.__file__).parent)
    detail = f'{place}, Python {sys.version.split()[0]} ({sys.executable})'
    return Finding('restore_node', OK, detail, facts={'path': place, 'python': sys.executable})


def check_libraries() -> list[Finding]:
    """Numpy, OpenCV and cv_bridge, which have to fit each other."""
    numpy = ask('numpy', fix='apt install python3-numpy, or pip install numpy')
    opencv = ask('OpenCV', fix="apt install python3-opencv, or pip install 'opencv-python-headless<5'")
    bridge = ask('cv_bridge')
    version = numpy.facts.get('version', '')
    is_trap = version.partition('.')[0] not in ('', '0', '1')
    if is_trap and opencv.state == BROKEN:
        fix = f'this OpenCV does not fit numpy {version}: apt\'s wants "numpy<2", '
        opencv = replace(opencv, fix=f"{fix}or pip install 'opencv-python-headless<5'")
    # restore_node does without cv_bridge; other nodes in this Python may not.
    if bridge.state == ABSENT:
        return [numpy, opencv, replace(bridge, detail='restore_node does not use it')]
    fix = ''
    if bridge.state == BROKEN:
        fix = (
            f"it was built for numpy 1, here is {version}: for nodes that need it, pip install 'numpy<2' "
            'here or give restore_node a virtual environment of its own (docs/install.md)'
            if is_trap
            else 'for nodes that need it: reinstall it by apt'
        )
    bridge = replace(bridge, detail=f'{bridge.detail} (restore_node does not use it)', fix=fix)
    return [numpy, opencv, bridge]


def check_ros() -> Finding:
    """ROS 2, as far as the node needs it."""
    found = ask('ROS 2')
    fixes = {
        OK: '',
        ABSENT: 'source /opt/ros/<distro>/setup.bash; offline tools do without',
        BROKEN: 'rosdep install restore_node, and build it with the Python that ROS 2 was built for; this is '
        f'{sys.version_info.major}.{sys.version_info.minor}',
    }
    return replace(found, fix=fixes[found.state])


def check_onnxruntime() -> Finding:
    """ONNX Runtime; which of its providers really load, the candidates' findings say."""
    found = ask('ONNX Runtime', fix='pip install onnxruntime; on a Jetson docs/install.md says which')
    packages = found.facts.get('packages', ())
    if len(packages) < 2:
        return found
    return replace(
        found,
        state=BROKEN,
        detail=f'{" and ".join(packages)} are both installed, and overwrite each other',
        fix=f'pip uninstall {" ".join(packages)}, then install one of them',
    )


def check_model(name: str) -> tuple[Finding, Model | None]:
    """The model, its card and the checksums of its graphs; None if it cannot be used."""
    try:
        model = load_model(name)
    except RestoreError as error:
        return Finding('model', BROKEN, str(error)), None
    card, folder = model.card, str(model.folder)
    sizes = f'sizes in multiples of {card.size_multiple}'
    facts = {
        'name': card.name,
        'folder': folder,
        'graphs': sorted(card.graphs),
        'macs_per_pixel': card.macs_per_pixel,
    }
    detail = f'{card.name} ({card.task}), {" and ".join(card.graphs)}, {sizes}; {folder}'
    return Finding('model', OK, detail, facts=facts), model


def check_cache() -> Finding:
    """The folder of engines: owner, mode, whether it can be written, and free space."""
    try:
        folder = cache_folder()
        EngineCache(folder)
        with tempfile.TemporaryFile(dir=folder / 'engines') as file:
            file.write(b'x')
        free_mib = shutil.disk_usage(folder).free >> 20
    except (RestoreError, OSError) as error:
        fix = '' if isinstance(error, RestoreError) else 'set RESTORE_NODE_CACHE to a folder of your own'
        return Finding('engine cache', BROKEN, str(error), fix)
    is_full = free_mib < LEAST_FREE_MIB
    return Finding(
        'engine cache',
        BROKEN if is_full else OK,
        f'{folder}, yours alone, {free_mib / 1024:.1f} GiB free',
        f'free {LEAST_FREE_MIB} MiB, or set RESTORE_NODE_CACHE' if is_full else '',
        {'folder': str(folder), 'free_mib': free_mib, 'owner': os.geteuid()},
    )
