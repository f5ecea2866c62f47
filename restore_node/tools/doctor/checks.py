"""Findings about this machine's software: Python's libraries, ROS 2, the model and the cache folder."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import restore_node
from restore_node.backends.processor import this_processor
from restore_node.common.errors import RestoreError
from restore_node.engine.cache import EngineCache, cache_folder
from restore_node.model import Model, load_model
from restore_node.tools.doctor.child import ask
from restore_node.tools.doctor.findings import ABSENT, BROKEN, OK, Answer, Finding
from restore_node.tools.shared.host import describe_host, host_line

#: An engine takes some MiB; its build, and those of other sizes, should not fill the disk.
LEAST_FREE_MIB = 256


def check_host() -> Finding:
    """Machine and operating system."""
    facts = describe_host()
    return Finding('machine', OK, f'{host_line(facts)}; {facts.get("jetson", facts["os"])}', facts=facts)


def check_package() -> Finding:
    """Which restore_node this is, and in which Python."""
    place = Path(restore_node.__file__).parent
    return Finding(
        'restore_node',
        OK,
        f'{place}, Python {sys.version.split()[0]} ({sys.executable})',
        facts={'path': str(place), 'python': sys.executable},
    )


def check_libraries() -> list[Finding]:
    """Numpy, OpenCV and cv_bridge, which have to fit each other."""
    numpy, opencv, bridge = ask('numpy'), ask('opencv'), ask('cv_bridge')
    version = numpy.facts.get('version', '')
    is_trap = version.partition('.')[0] not in ('', '0', '1')
    return [
        _library('numpy', numpy, 'apt install python3-numpy, or pip install numpy'),
        _library(
            'OpenCV',
            opencv,
            f'this OpenCV does not fit numpy {version}: apt\'s wants "numpy<2", '
            "or pip install 'opencv-python-headless<5'"
            if is_trap and opencv.state == BROKEN
            else "apt install python3-opencv, or pip install 'opencv-python-headless<5'",
        ),
        _cv_bridge(bridge, version if is_trap else ''),
    ]


def _library(name: str, answer: Answer, fix: str) -> Finding:
    if answer.is_ok:
        return Finding(name, OK, answer.facts['version'], facts=answer.facts)
    return Finding(name, BROKEN, answer.line, fix)


def _cv_bridge(answer: Answer, numpy_2: str) -> Finding:
    """restore_node does without it; other nodes in this Python may not."""
    if answer.is_ok:
        return Finding('cv_bridge', OK, 'its binary loads (restore_node does not use it)')
    if answer.state == ABSENT:
        return Finding('cv_bridge', ABSENT, 'restore_node does not use it')
    fix = (
        f"it was built for numpy 1, here is {numpy_2}: for nodes that need it, pip install 'numpy<2' here "
        'or give restore_node a virtual environment of its own (docs/install.md)'
        if numpy_2
        else 'for nodes that need it: reinstall it by apt'
    )
    return Finding('cv_bridge', BROKEN, f'{answer.line} (restore_node does not use it)', fix)


def check_ros() -> Finding:
    """ROS 2, as far as the node needs it."""
    answer = ask('ros')
    if answer.is_ok:
        return Finding('ROS 2', OK, f'{answer.facts["distro"]}, {answer.facts["rmw"]}', facts=answer.facts)
    if answer.state == ABSENT:
        return Finding(
            'ROS 2', ABSENT, answer.line, 'source /opt/ros/<distro>/setup.bash; offline tools do without'
        )
    return Finding(
        'ROS 2',
        BROKEN,
        answer.line,
        f'rosdep install restore_node, and build it with the Python that ROS 2 was built for; this is '
        f'{sys.version_info.major}.{sys.version_info.minor}',
    )


def check_onnxruntime() -> Finding:
    """ONNX Runtime; which of its providers really load, the candidates' findings say."""
    answer = ask('onnxruntime')
    fix = 'pip install onnxruntime; on a Jetson docs/install.md says which'
    if not answer.is_ok:
        return Finding('ONNX Runtime', answer.state, answer.line, fix)
    packages, providers = answer.facts['packages'], ', '.join(answer.facts['providers'])
    if len(packages) > 1:
        return Finding(
            'ONNX Runtime',
            BROKEN,
            f'{" and ".join(packages)} are both installed, and overwrite each other',
            f'pip uninstall {" ".join(packages)}, then install one of them',
            answer.facts,
        )
    return Finding(
        'ONNX Runtime', OK, f'{answer.facts["version"]}, built with {providers}', facts=answer.facts
    )


def check_openvino(model: Model) -> Finding:
    """OpenVINO, an option for Intel's processors and graphics; how fast it is, the timings say."""
    answer = ask('openvino', model=str(model.graph()))
    if not answer.is_ok:
        return Finding('OpenVINO', answer.state, answer.line, 'pip install -r requirements/vehicle-intel.txt')
    computes = '; '.join(
        f'{device}: {", ".join(known)}' for device, known in answer.facts['computes'].items()
    )
    features = ', '.join(this_processor().features) or 'neither bf16 nor VNNI'
    return Finding('OpenVINO', OK, f'{answer.facts["version"]}, {computes} ({features})', facts=answer.facts)


def check_model(name: str) -> tuple[Finding, Model | None]:
    """The model, its card and the checksums of its graphs; None if it cannot be used."""
    try:
        model = load_model(name)
    except RestoreError as error:
        return Finding('model', BROKEN, str(error)), None
    card = model.card
    detail = (
        f'{card.name} ({card.task}), {" and ".join(card.graphs)}, sizes in multiples of {card.size_multiple}'
    )
    facts = {
        'name': card.name,
        'folder': str(model.folder),
        'graphs': sorted(card.graphs),
        'macs_per_pixel': card.macs_per_pixel,
    }
    return Finding('model', OK, f'{detail}; {model.folder}', facts=facts), model


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
    facts = {'folder': str(folder), 'free_mib': free_mib, 'owner': os.geteuid()}
    detail = f'{folder}, yours alone, {free_mib / 1024:.1f} GiB free'
    if free_mib < LEAST_FREE_MIB:
        return Finding(
            'engine cache', BROKEN, detail, f'free {LEAST_FREE_MIB} MiB, or set RESTORE_NODE_CACHE', facts
        )
    return Finding('engine cache', OK, detail, facts=facts)
