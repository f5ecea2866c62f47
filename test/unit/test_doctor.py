"""doctor: on this machine for real, with libraries that crash and hang, and on a simulated GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from restore_node.tools.doctor.checks import check_cache, check_libraries, check_model, check_onnxruntime
from restore_node.tools.doctor.child import ask
from restore_node.tools.doctor.findings import ABSENT, BROKEN, OK, Finding
from restore_node.tools.doctor.gpu_checks import check_driver

ROOT = Path(__file__).resolve().parents[2]
TRT = ROOT / 'test' / 'trt'
sys.path.insert(0, str(TRT))
#: The simulated GPU's are loaded by its processes, not by this one.
CHOICE, FAULTS = 'RESTORE_NODE_TEST_TENSORRT', 'RESTORE_NODE_TEST_FAULTS'
NO_GPU = not any(Path(path).exists() for path in ('/dev/nvidia0', '/dev/nvhost-gpu', '/dev/nvgpu'))


class Doctor:
    """Runs the command as a process."""

    def __init__(self, folder: Path) -> None:
        self.libraries = folder / 'libraries'
        self.libraries.mkdir()
        self.environment = os.environ | {
            'RESTORE_NODE_CACHE': str(folder / 'cache'),
            'PYTHONPATH': f'{self.libraries}{os.pathsep}{ROOT}',
            'COLUMNS': '200',
        }

    def library(self, name: str, source: str) -> None:
        """Put a library before the real one of its name."""
        (self.libraries / f'{name}.py').write_text(source)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, '-m', 'restore_node.tools.doctor', *map(str, arguments)]
        return subprocess.run(
            command, env=self.environment, cwd=self.libraries, capture_output=True, text=True, check=False
        )

    def findings(self, *arguments: object) -> tuple[int, dict[str, Any], dict[str, dict[str, Any]]]:
        """Exit code, the whole report, and its findings by name."""
        done = self.run(*arguments, '--json')
        report = json.loads(done.stdout)
        return done.returncode, report, {found['name']: found for found in report['findings']}


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    return Doctor(tmp_path)


@pytest.fixture
def model(make_model) -> Path:
    pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
    return make_model(size_multiple=8)


@pytest.mark.skipif(not NO_GPU, reason='there is a GPU here')
def test_a_machine_without_a_gpu_says_so_and_times_the_cpu(doctor, model):
    done = doctor.run('--model', model, '--size', '60x44')
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    assert any(line.startswith('not here  NVIDIA driver') for line in lines)
    assert any(line.startswith('not here  CUDA') and 'no NVIDIA driver' in line for line in lines)
    assert any(line.startswith('not here  engine') for line in lines)
    assert any(line.startswith('ok        onnxruntime cpu') and '60 runs of 60x44' in line for line in lines)
    verdict = 'verdict: the GPU path does not work here; the CPU path works: the node would run '
    assert lines[-1].startswith((f'{verdict}openvino cpu', f'{verdict}onnxruntime cpu'))
    assert 'Traceback' not in done.stdout + done.stderr


def test_json_holds_the_same(doctor, model):
    code, report, findings = doctor.findings('--model', model, '--size', '48x32')
    assert code == (0 if report['gpu_path'] else 1)
    assert report['size'] == [48, 32]
    timed = findings['onnxruntime cpu']
    assert timed['state'] == OK
    assert timed['facts']['device'] == 'CPUExecutionProvider'
    assert 0 < timed['facts']['ms']['p50'] <= timed['facts']['ms']['p95'] <= timed['facts']['ms']['p99']
    assert findings['machine']['facts']['cores'] >= 1


def test_openvino_and_what_it_computes_in(doctor, model):
    pytest.importorskip('openvino', reason='openvino is not installed')
    _, _, findings = doctor.findings('--model', model, '--size', '48x32')
    assert findings['OpenVINO']['state'] == OK
    assert 'fp32' in findings['OpenVINO']['facts']['computes']['cpu']
    doctor.library('openvino', 'raise ImportError("libtbb.so.12: not found")\n')
    _, _, findings = doctor.findings('--model', model, '--size', '48x32')
    assert findings['OpenVINO']['state'] == ABSENT
    assert 'libtbb.so.12' in findings['OpenVINO']['detail']
    assert 'vehicle-intel.txt' in findings['OpenVINO']['fix']
    assert findings['onnxruntime cpu']['state'] == OK


def test_a_missing_model_is_a_finding(doctor):
    code, report, findings = doctor.findings('--model', 'no-such-model')
    assert code == 1
    assert findings['model']['state'] == BROKEN
    assert 'no-such-model' in findings['model']['detail']
    assert report['verdict'].startswith('nothing here can restore 640x360')


@pytest.mark.parametrize('size', ['640', '0x360', 'x', '640x-3', '999999x2'])
def test_a_bad_size_is_a_bad_argument(doctor, size):
    done = doctor.run('--size', size)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith('error: image size: got')


def test_libraries_that_crash_are_findings(doctor, model):
    doctor.library(
        'cv_bridge',
        'import os, sys\nprint("numpy.core.multiarray failed to import", flush=True)\nos.abort()\n',
    )
    doctor.library('cv2', 'raise AttributeError("_ARRAY_API not found")\n')
    doctor.library('tensorrt', 'import os\nos.kill(os.getpid(), 11)\n')
    code, _, findings = doctor.findings('--model', model, '--size', '48x32')
    assert code == 1
    assert findings['cv_bridge']['state'] == BROKEN
    assert 'SIGABRT; it last said: numpy.core.multiarray failed' in findings['cv_bridge']['detail']
    assert 'docs/install.md' in findings['cv_bridge']['fix']
    assert findings['OpenCV']['detail'] == 'AttributeError: _ARRAY_API not found'
    assert 'does not fit numpy 2' in findings['OpenCV']['fix']
    assert findings['TensorRT']['state'] == BROKEN
    assert 'SIGSEGV' in findings['TensorRT']['detail']
    # The CPU path needs none of the three.
    assert findings['onnxruntime cpu']['state'] == OK


def with_library(name: str, source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / f'{name}.py').write_text(source)
    monkeypatch.setenv('PYTHONPATH', f'{folder}{os.pathsep}{ROOT}')


def test_a_probe_that_hangs_is_ended(tmp_path, monkeypatch):
    pid = tmp_path / 'pid'
    source = f'import os, time\nopen({str(pid)!r}, "w").write(str(os.getpid()))\ntime.sleep(1000)\n'
    with_library('rclpy', source, tmp_path, monkeypatch)
    found = ask('ROS 2', timeout_s=3)
    assert found.state == BROKEN
    assert found.detail.startswith('hangs: no answer in 3 s')
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_what_a_library_prints_is_not_its_answer(tmp_path, monkeypatch):
    with_library('tensorrt', 'print("{}")\n__version__ = "10.3.0"\n', tmp_path, monkeypatch)
    assert ask('TensorRT') == Finding('TensorRT', OK, '10.3.0', facts={'version': '10.3.0'})


def test_a_crash_after_the_answer_counts(tmp_path, monkeypatch):
    source = 'import atexit, os\natexit.register(os.abort)\n__version__ = "10.3.0"\n'
    with_library('tensorrt', source, tmp_path, monkeypatch)
    assert ask('TensorRT').detail == 'crashes with SIGABRT'


def test_what_a_broken_library_printed_is_told(tmp_path, monkeypatch):
    source = 'import sys\nprint("libcudnn.so.9 is missing", file=sys.stderr)\nraise OSError("no provider")\n'
    with_library('tensorrt', source, tmp_path, monkeypatch)
    assert ask('TensorRT').detail == 'OSError: no provider; it last said: libcudnn.so.9 is missing'


def test_a_missing_part_of_a_library_is_damage(tmp_path, monkeypatch):
    with_library('rclpy', 'import no_such_part\n', tmp_path, monkeypatch)
    assert ask('ROS 2') == Finding('ROS 2', BROKEN, "No module named 'no_such_part'")


def test_unwritable_cache(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('RESTORE_NODE_CACHE', str(tmp_path / 'file' / 'cache'))
    assert check_cache().state == BROKEN
    assert 'RESTORE_NODE_CACHE' in check_cache().detail


def test_cache_that_others_may_enter(tmp_path, monkeypatch):
    (tmp_path / 'open').mkdir(mode=0o755)
    monkeypatch.setenv('RESTORE_NODE_CACHE', str(tmp_path / 'open'))
    assert check_cache().state == BROKEN
    assert 'mode 0755' in check_cache().detail


def test_damaged_graph(model):
    assert check_model(str(model))[0].state == OK
    model.write_bytes(model.read_bytes() + b'x')
    finding, loaded = check_model(str(model))
    assert finding.state == BROKEN
    assert loaded is None


def probes_find(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    found = {finding.name: finding for finding in findings}
    monkeypatch.setattr('restore_node.tools.doctor.checks.ask', lambda probe, fix='': found[probe])


@pytest.mark.parametrize(('numpy', 'is_trap'), [('1.26.4', False), ('2.2.6', True)])
def test_the_trap_of_numpy_2(monkeypatch, numpy, is_trap):
    broken = [
        Finding(name, BROKEN, 'AttributeError: _ARRAY_API not found') for name in ('OpenCV', 'cv_bridge')
    ]
    probes_find(monkeypatch, Finding('numpy', OK, numpy, facts={'version': numpy}), *broken)
    _, opencv, bridge = check_libraries()
    assert ('numpy<2' in opencv.fix) == is_trap
    assert ('numpy<2' in bridge.fix) == is_trap


def test_two_onnxruntimes_over_each_other(monkeypatch):
    packages = ['onnxruntime', 'onnxruntime-gpu']
    facts = {'version': '1.23.2', 'providers': ['CPUExecutionProvider'], 'packages': packages}
    probes_find(monkeypatch, Finding('ONNX Runtime', OK, facts=facts))
    assert check_onnxruntime().state == BROKEN
    assert check_onnxruntime().fix.startswith('pip uninstall onnxruntime onnxruntime-gpu')


@pytest.mark.parametrize(
    ('files', 'libcuda', 'state', 'hint'),
    [
        ([], '', ABSENT, 'JetPack'),
        (['proc/driver/nvidia/version'], 'libcuda.so.1', BROKEN, '--gpus all'),
        (['sys/module/nvgpu', 'dev/nvhost-gpu'], '', BROKEN, 'NVIDIA_DRIVER_CAPABILITIES'),
        (['sys/module/nvgpu', 'dev/nvhost-gpu'], 'libcuda.so.1', OK, ''),
        (['proc/driver/nvidia/version', 'dev/nvidia0'], 'libcuda.so.1', OK, ''),
    ],
)
def test_driver(tmp_path, files, libcuda, state, hint):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text('NVRM version: 550.54\nGCC version: 12\n')
    finding = check_driver(tmp_path, lambda name: libcuda if name == 'cuda' else None)
    assert finding.state == state
    assert hint in finding.fix


@pytest.fixture
def tensorrt() -> str:
    """The version of TensorRT that the simulated GPU has."""
    return '11.4.0.106'


@pytest.fixture
def gpu_doctor(tensorrt, doctor, tmp_path, model) -> Doctor:
    """A doctor whose processes see a simulated GPU."""
    if not (ROOT / '.venv' / 'trt' / f'{tensorrt}-{Path(sys.prefix).name}' / '.stamp').is_file():
        pytest.skip(f'no bindings of TensorRT {tensorrt} for this Python: run dev/setup.sh trt')
    from other_graphs import add_half_graph, add_int8_graph

    add_int8_graph(add_half_graph(model))
    doctor.environment[CHOICE] = tensorrt
    doctor.environment[FAULTS] = str(tmp_path / 'faults.json')
    doctor.environment['PYTHONPATH'] = f'{TRT / "site"}{os.pathsep}{ROOT}'
    return doctor


@pytest.mark.parametrize(('tensorrt', 'typing'), [('10.3.0', 'weak'), ('11.4.0.106', 'strong')])
def test_gpu_path_works(gpu_doctor, model, typing):
    code, report, findings = gpu_doctor.findings('--model', model, '--size', '60x44')
    assert code == 0, report
    assert findings['CUDA']['facts']['name'] == 'Simulated Orin'
    assert findings['TensorRT']['facts']['typing'] == typing
    assert 'or in int8' in findings['TensorRT']['detail']
    assert findings['engine']['state'] == OK
    assert 'verified on 2 images' in findings['engine']['detail']
    assert report['verdict'].startswith(
        'the GPU path works: the node would run tensorrt cuda on Simulated Orin, 60x44 in '
    )


def test_what_doctor_has_built_is_there_the_next_time(gpu_doctor, model):
    for expected in ('built in', 'already there'):
        findings = gpu_doctor.findings('--model', model, '--size', '60x44')[2]
        assert expected in findings['engine']['detail']


@pytest.mark.parametrize(
    ('fault', 'finding', 'line'),
    [
        ({'abort_build': True}, 'engine', 'signal 6'),
        ({'damage': 90}, 'engine', 'does not compute what its model does'),
        ({'cuda': {'cudaSetDevice': 700}}, 'CUDA', 'cudaErrorIllegalAddress'),
    ],
)
def test_gpu_path_that_fails(gpu_doctor, model, tmp_path, fault, finding, line):
    (tmp_path / 'faults.json').write_text(json.dumps(fault))
    code, report, findings = gpu_doctor.findings('--model', model, '--size', '48x32')
    assert code == 1
    assert findings[finding]['state'] == BROKEN
    assert line in findings[finding]['detail']
    assert findings['onnxruntime cpu']['state'] == OK
    assert 'the CPU path works' in report['verdict']
