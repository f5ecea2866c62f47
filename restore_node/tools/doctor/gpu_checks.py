"""Findings on the way to the GPU: driver, TensorRT, and an engine that is built and verified."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import replace
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

    They are looked for below `root`, and by `library`, which finds a shared library by name; others in tests.
    """
    modules = [path for path in _MODULES if (root / path).exists()]
    devices = [path for path in _DEVICES if (root / path).exists()]
    libcuda = library('cuda')
    state, fix = BROKEN, ''
    if not modules and not devices:
        state, detail = ABSENT, 'no kernel module and no device file'
        fix = "a machine with an NVIDIA GPU needs its driver: JetPack's, or apt's nvidia-driver packages"
    elif not devices:
        detail = f'/{modules[0]}, but no GPU device in /dev'
        fix = 'in a container: docker run --gpus all, on a Jetson --runtime nvidia; else load the module'
    elif not libcuda:
        detail = f'/{devices[0]}, but no libcuda'
        fix = "install the driver's libraries; in a container NVIDIA_DRIVER_CAPABILITIES=compute,utility"
    else:
        files = [root / path for path in _MODULES if (root / path).is_file()]
        version = files[0].read_text(errors='replace').partition('\n')[0] if files else ''
        state, detail = OK, f'{version.strip() or "kernel module of the board"}; /{devices[0]}, {libcuda}'
    return Finding('NVIDIA driver', state, detail, fix)


def check_tensorrt(model: Model | None, has_gpu: bool) -> Finding:
    """TensorRT; without a GPU no more than that it imports, for more would crash it."""
    if has_gpu and model:
        return ask('TensorRT', model=str(model.graph()))
    fix = 'on a Jetson: apt install nvidia-jetpack; elsewhere: pip install tensorrt (docs/install.md)'
    found = ask('TensorRT', fix=fix if has_gpu else '')
    tried = f'; not tried further: no {"model" if has_gpu else "GPU"}' if found.is_ok else ''
    return replace(found, detail=found.detail + tried)


def check_engine(
    model: Model,
    size: tuple[int, int],
    on_progress: Callable[[str], None],
    timeout_s: float = BUILD_TIMEOUT_S,
) -> Finding:
    """Build and verify an engine as the node would, by the same command, for one camera (width, height)."""
    try:
        spec = EngineSpec.for_cameras(model, *size)
    except RestoreError as error:
        return Finding('engine', BROKEN, str(error))
    log: list[str] = []
    ended: queue.Queue[str] = queue.Queue()
    build = BuildProcess(build_arguments(spec), ended.put, log.append)
    deadline = time.monotonic() + timeout_s
    complaint: str | None = None
    try:
        while complaint is None and time.monotonic() < deadline:
            try:
                complaint = ended.get(timeout=_POLL_S)
            except queue.Empty:
                on_progress(f'building the engine, {build.progress()}')
    finally:
        build.cancel()
    if complaint is None:
        complaint = f'hangs: no engine after {timeout_s:g} s, at {build.progress()}'
    if not complaint:
        return Finding('engine', OK, f'{spec}: {log[-1] if log else "built"}', facts={'log': log})
    says_how = '; ' in complaint and 'it last said' not in complaint
    fix = 'run build_engine by hand to see all of its log; docs/tensorrt.md explains its messages'
    return Finding('engine', BROKEN, complaint, '' if says_how else fix)
