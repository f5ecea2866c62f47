"""The node on a simulated GPU: engines are built beside it, served, and left when they fail.

Node and build command are real processes; behind TensorRT's true bindings stand the doubles of `test/trt`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from node_harness import image_message, picture, pixels_of, wait_for

pytestmark = pytest.mark.ros

TRT = Path(__file__).resolve().parents[1] / 'trt'
sys.path.insert(0, str(TRT))

from bindings import CHOICE, installed  # noqa: E402
from other_graphs import add_half_graph, add_int8_graph  # noqa: E402

SIMULATED = 'Simulated Orin'
ON_CPU = ('openvino', 'onnxruntime')
LOST = {'cuda': {'cudaStreamSynchronize': 700, 'cudaEventSynchronize': 700}}


@pytest.fixture
def faults(tmp_path):
    """The file that tells the simulated GPU what fails."""
    return tmp_path / 'faults.json'


@pytest.fixture
def gpu_bench(bench, faults, tmp_path, make_model):
    """A bench whose nodes see the simulated GPU, and the model they run."""
    versions = sorted(installed())
    if not versions:
        pytest.skip("TensorRT's bindings are not set up: dev/setup.sh trt")
    bench.environment = os.environ | {
        CHOICE: versions[-1],
        'RESTORE_NODE_TEST_FAULTS': str(faults),
        'RESTORE_NODE_CACHE': str(tmp_path / 'cache'),
        'PYTHONPATH': f'{TRT / "site"}{os.pathsep}{os.environ["PYTHONPATH"]}',
    }
    bench.model = str(add_int8_graph(add_half_graph(make_model())))
    return bench


def restore_until(bench, camera, received, condition, what, size=(64, 64)):
    """Publish frames, as a camera does, until one comes out that fits."""

    def tried() -> bool:
        count = len(received)
        sent = image_message(picture(*size), bench.now())
        camera.publish(sent)
        wait_for(lambda: len(received) > count, 'a frame')
        change = pixels_of(received[-1]).astype(int) - pixels_of(sent)
        return condition(change)

    wait_for(tried, what)


def is_restored(change):
    return (change == 10).all()


def is_quantised(change):
    """Every value is one of the int8 graph's, which rounds its input to even ones."""
    return (abs(change - 10) <= 1).all() and (change != 10).any()


def is_original(change):
    return not change.any()


def start(bench, **parameters):
    node = bench.start_node(model=bench.model, retry=0.2, **parameters)
    return node, bench.camera(), bench.detector()


def test_missing_engine_is_built_while_frames_pass_through(gpu_bench, tmp_path):
    node, camera, received = start(gpu_bench)
    restore_until(gpu_bench, camera, received, is_original, 'a frame that passes through')
    gpu_bench.wait_for_diagnostics(lambda status: 'building the engine' in status['message'], 'the build')
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the new engine')
    status = gpu_bench.wait_for_diagnostics(lambda status: status['level'] == '0', 'all well')
    assert status['backend'] == 'tensorrt'
    assert status['device'] == SIMULATED
    # Another camera size is another engine.
    restore_until(gpu_bench, camera, received, is_original, 'a wider frame that passes through', (64, 96))
    restore_until(gpu_bench, camera, received, is_restored, 'a wider frame restored', (64, 96))
    manifests = [json.loads(path.read_text()) for path in (tmp_path / 'cache/engines').glob('*.json')]
    assert len(manifests) == 2
    assert all(manifest['verified']['psnr_db'] >= 40 for manifest in manifests)
    assert node.stop() == 0, node.output


def test_engine_of_the_command_serves_the_node_at_once(gpu_bench, tmp_path):
    """Built by hand for two cameras of any size up to 96x64; the node has one, of a size between."""
    command = [sys.executable, '-m', 'restore_node.tools.build_engine', gpu_bench.model]
    options = ['--size', '32x32', '--max-size', '96x64', '--batch', '2']
    subprocess.run([*command, *options], env=gpu_bench.environment, check=True)
    node, camera, received = start(gpu_bench)
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the engine that was there')
    restore_until(gpu_bench, camera, received, is_restored, 'a wider frame restored by the same', (64, 96))
    status = gpu_bench.wait_for_diagnostics(lambda status: status['level'] == '0', 'all well')
    assert status['backend'] == 'tensorrt'
    assert len(list((tmp_path / 'cache/engines').glob('*.json'))) == 1
    assert node.stop() == 0, node.output
    assert 'building it' not in node.output


def test_int8_engine_is_built_and_served(gpu_bench, tmp_path):
    node, camera, received = start(gpu_bench, **{'engine.precision': 'int8'})
    restore_until(gpu_bench, camera, received, is_quantised, 'a frame restored in int8')
    (manifest,) = (json.loads(path.read_text()) for path in (tmp_path / 'cache/engines').glob('*.json'))
    assert (manifest['precision'], manifest['verified']['threshold_db']) == ('int8', 45)
    assert node.stop() == 0, node.output


def test_engine_that_computes_wrong_is_never_served(gpu_bench, faults, tmp_path):
    faults.write_text('{"damage": 20}')
    _, camera, received = start(gpu_bench)
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the next candidate')
    status = gpu_bench.wait_for_diagnostics(
        lambda status: status['backend'] in ON_CPU, 'the CPU in its place'
    )
    assert status['level'] == '1'
    assert 'does not compute what its model does' in status['message']
    assert not list((tmp_path / 'cache/engines').glob('*.plan'))
    assert list((tmp_path / 'cache/quarantine').glob('*.plan'))


def test_crash_of_the_builder_stays_in_its_process(gpu_bench, faults):
    faults.write_text('{"abort_build": true}')
    node, camera, received = start(gpu_bench)
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the next candidate')
    status = gpu_bench.wait_for_diagnostics(
        lambda status: status['backend'] in ON_CPU, 'the CPU in its place'
    )
    assert 'signal 6' in status['message']
    assert node.stop() == 0, node.output


def test_lost_gpu_is_left_for_good_and_the_cpu_goes_on(gpu_bench, faults):
    _, camera, received = start(gpu_bench)
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the engine')
    faults.write_text(json.dumps(LOST))
    restore_until(gpu_bench, camera, received, is_original, 'the frame that met the error')
    faults.unlink()
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the CPU')
    status = gpu_bench.wait_for_diagnostics(lambda status: status['level'] == '2', 'the call for a restart')
    assert 'restart' in status['message']
    assert status['device'].startswith('CPU')


def test_full_gpu_memory_passes_frames_and_comes_back(gpu_bench, faults):
    _, camera, received = start(gpu_bench)
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the engine')
    faults.write_text('{"cuda": {"cudaMalloc": 2, "cudaHostAlloc": 2, "cudaGraphLaunch": 2}}')
    restore_until(gpu_bench, camera, received, is_original, 'a frame that passes through')
    faults.unlink()
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored again')
    status = gpu_bench.wait_for_diagnostics(lambda status: status['level'] == '0', 'all well')
    assert status['backend'] == 'tensorrt'


def test_without_cuda_graphs_it_goes_on_and_says_so(gpu_bench, faults):
    faults.write_text('{"cuda": {"cudaStreamEndCapture": 901}}')
    node, camera, received = start(gpu_bench)
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the engine')
    wait_for(lambda: 'no CUDA graph' in node.output, "the backend's warning in the node's log")
    assert '[WARN]' in node.output


def test_cpu_is_taken_on_request(gpu_bench):
    _, camera, received = start(gpu_bench, device='cpu')
    restore_until(gpu_bench, camera, received, is_restored, 'a frame restored by the CPU')
    status = gpu_bench.wait_for_diagnostics(lambda status: status['restored'] != '0', 'a restored frame')
    assert status['device'].startswith('CPU')
    np.testing.assert_equal(status['level'], '0')
