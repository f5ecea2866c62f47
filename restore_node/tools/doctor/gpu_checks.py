"""Findings on the way to the GPU: driver, CUDA, TensorRT, and an engine that is built and verified."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from ctypes.util import find_library
from pathlib import Path

from restore_node.common.errors import RestoreError
from restore_node.engine.build_process import BuildProcess, build_arguments
from restore_node.engine.spec import EngineSpec
from restore_node.model import Model
from restore_node.tools.doctor.child import ask
from restore_node.tools.doctor.findings import ABSENT, BROKEN, OK, Finding

BUILD_TIMEOUT_S = 3600.0
_POLL_S = 0.5
_MODULES = ('proc/driver/nvidia/version', 'sys/module/nvidia/version', 'sys/module/nvgpu')
_DEVICES = ('dev/nvidia0', 'dev/nvidiactl', 'dev/nvhost-gpu', 'dev/nvgpu', 'dev/dxg')


def check_driver(root: Path = Path('/'), library: Callable[[str], str | None] = find_library) -> Finding:
    """NVIDIA's driver: kernel module, device files and libcuda, looked for without loading any of them.

    Args:
        root: the file system to look at; another one in tests.
        library: finds a shared library by name; likewise.
    """
    modules = [path for path in _MODULES if (root / path).exists()]
    devices = [path for path in _DEVICES if (root / path).exists()]
    libcuda = library('cuda')
    if not modules and not devices:
        return Finding(
            'NVIDIA driver',
            ABSENT,
            'no kernel module and no device file',
            "a machine with an NVIDIA GPU needs its driver: JetPack's, or apt's nvidia-driver packages",
        )
    if not devices:
        return Finding(
            'NVIDIA driver',
            BROKEN,
            f'/{modules[0]}, but no GPU device in /dev',
            'in a container: docker run --gpus all, on a Jetson --runtime nvidia; else load the module',
        )
    if not libcuda:
        return Finding(
            'NVIDIA driver',
            BROKEN,
            f'/{devices[0]}, but no libcuda',
            "install the driver's libraries; in a container NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        )
    return Finding('NVIDIA driver', OK, f'{_version(root)}; /{devices[0]}, {libcuda}')


def _version(root: Path) -> str:
    for path in _MODULES[:2]:
        try:
            return (root / path).read_text(errors='replace').partition('\n')[0].strip()
        except OSError:
            continue
    return 'kernel module of the board'


def check_cuda() -> Finding:
    """The CUDA runtime, and the GPU behind it."""
    answer = ask('cuda')
    if not answer.is_ok:
        return Finding('CUDA', answer.state, answer.line)
    gpu, gib = answer.facts, 1 << 30
    memory = f'{gpu["memory_bytes"] / gib:.1f} GiB{" shared with the CPU" if gpu["integrated"] else ""}'
    detail = (
        f'{gpu["name"]}, compute capability {gpu["capability"]}, {gpu["sm_count"]} SMs, {memory} '
        f'({gpu["free_bytes"] / gib:.1f} free); through {gpu["provider"]}: CUDA {gpu["runtime_version"]}, '
        f'the driver serves {gpu["driver_version"]}'
    )
    return Finding('CUDA', OK, detail, facts=gpu)


def check_tensorrt(model: Model | None, has_gpu: bool) -> Finding:
    """TensorRT; without a GPU no more than that it imports, for more would crash it."""
    if not has_gpu or model is None:
        answer = ask('tensorrt_import')
        if answer.is_ok:
            why = 'not tried further: no GPU' if not has_gpu else 'not tried further: no model'
            return Finding('TensorRT', OK, f'{answer.facts["version"]}; {why}', facts=answer.facts)
        fix = 'on a Jetson: apt install nvidia-jetpack; elsewhere: pip install tensorrt (docs/install.md)'
        return Finding('TensorRT', answer.state, answer.line, fix if has_gpu else '')
    answer = ask('tensorrt', model=str(model.graph()))
    if not answer.is_ok:
        return Finding('TensorRT', answer.state, answer.line)
    recipe = f'{answer.facts["typing"]}ly typed engines from the {answer.facts["graph"]} graph'
    if answer.facts['int8']:
        recipe += ', or in int8 with engine.precision int8'
    return Finding('TensorRT', OK, f'{answer.facts["version"]}: {recipe}', facts=answer.facts)


def check_engine(
    model: Model,
    size: tuple[int, int],
    on_progress: Callable[[str], None],
    timeout_s: float = BUILD_TIMEOUT_S,
) -> Finding:
    """Build and verify an engine as the node would, through the same command, for one camera.

    Args:
        model: the model.
        size: (width, height) of the camera.
        on_progress: told now and then where the build stands.
        timeout_s: when to give up on it.
    """
    try:
        spec = EngineSpec.for_cameras(model, *size)
    except RestoreError as error:
        return Finding('engine', BROKEN, str(error))
    log: list[str] = []
    ended: queue.Queue[str] = queue.Queue()
    build = BuildProcess(build_arguments(spec), ended.put, log.append)
    try:
        complaint = _wait(build, ended, on_progress, timeout_s)
    finally:
        build.cancel()
    if complaint:
        return Finding('engine', BROKEN, complaint, _remedy(complaint))
    return Finding('engine', OK, f'{spec}: {log[-1] if log else "built"}', facts={'log': log})


def _wait(
    build: BuildProcess, ended: queue.Queue[str], on_progress: Callable[[str], None], timeout_s: float
) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            return ended.get(timeout=_POLL_S)
        except queue.Empty:
            on_progress(f'building the engine, {build.progress()}')
    return f'hangs: no engine after {timeout_s:g} s, at {build.progress()}'


def _remedy(complaint: str) -> str:
    """What to do about it, where the complaint does not say so itself."""
    if '; ' in complaint and 'it last said' not in complaint:
        return ''
    return 'run build_engine by hand to see all of its log; docs/tensorrt.md explains its messages'
