"""The build command, run in this process, over the true bindings."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from simulated_gpu import NO_DEVICE
from trt_world import World

from restore_node.engine.cache import EngineCache
from restore_node.model import Model
from restore_node.tools.build_engine.__main__ import main


class Done:
    """What a run of the command gave.

    Attributes:
        code: its exit code.
        said: the JSON objects on stdout.
    """

    def __init__(self, code: int, out: str) -> None:
        self.code = code
        self.said: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.said[-1]


Run = Callable[..., Done]


@pytest.fixture
def run(world: World, model: Model, capfd: pytest.CaptureFixture[str]) -> Run:
    """`run('--size', '24x16', ...)` runs the command with JSON on stdout."""

    def run(*arguments: str, path: Path | None = None) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(path or model.graph()), '--progress', 'json', *arguments])
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, capfd.readouterr().out)

    return run


def plans(place: str) -> list[Path]:
    return sorted((EngineCache().folder / place).glob('*.plan'))


def test_engine_is_built_verified_and_kept(run: Run, world: World, model: Model) -> None:
    done = run('--size', '20x10')
    assert done.code == 0
    manifest = done.last['manifest']
    assert [Path(done.last['engine'])] == plans('engines')
    assert manifest['precision'] == 'fp16'
    assert manifest['fields']['shapes'] == [[1, 16, 24]] * 3
    assert manifest['fields']['tensorrt'] == manifest['versions']['tensorrt'] == world.trt.__version__
    verified = manifest['verified']
    assert (verified['images'], verified['psnr_db'], verified['threshold_db']) == (2, 100.0, 40.0)
    assert verified['reference'] == 'onnxruntime CPUExecutionProvider fp32'
    assert not world.gpu.leaks()


def test_progress_is_one_object_a_line(run: Run) -> None:
    done = run('--size', '24x16')
    percents = [(said['phase'], said['percent']) for said in done.said if 'percent' in said]
    assert percents[0] == ('building: Building Engine', 0.0)
    assert ('building: Building Engine', 100.0) in percents
    assert percents[-1] == ('verifying', 100.0)
    assert {frozenset(said) for said in done.said} <= {
        frozenset(keys) for keys in (('phase', 'percent'), ('log',), ('engine', 'manifest'))
    }


def test_engine_that_is_there_is_not_built_again(run: Run, world: World) -> None:
    first = run('--size', '24x16')
    world.calls.clear()
    again = run('--size', '24x16')
    assert (again.code, again.last) == (0, first.last)
    assert 'already there' in again.said[0]['log']
    assert not world.calls


def test_force_builds_again(run: Run, world: World) -> None:
    run('--size', '24x16')
    world.calls.clear()
    assert run('--size', '24x16', '--force').code == 0
    assert 'Builder.build_serialized_network' in world.calls
    assert len(plans('engines')) == 1


def test_every_choice_makes_another_engine(run: Run) -> None:
    choices = [
        (),
        ('--batch', '2'),
        ('--precision', 'fp32'),
        ('--precision', 'int8'),
        ('--optimization-level', '5'),
        ('--workspace-mib', '512'),
        ('--max-size', '48x32'),
    ]
    for choice in choices:
        assert run('--size', '24x16', *choice).code == 0
    assert len(plans('engines')) == len(choices)


def test_range_of_sizes_is_verified_at_its_ends(run: Run) -> None:
    done = run('--size', '24x16', '--max-size', '48x32', '--batch', '2')
    assert done.last['manifest']['fields']['shapes'] == [[1, 16, 24], [2, 16, 24], [2, 32, 48]]
    assert done.last['manifest']['verified']['images'] == 2 * (1 + 2 + 2)


def test_int8_engine_is_held_to_its_own_graph(run: Run, world: World) -> None:
    done = run('--size', '24x16', '--precision', 'int8')
    manifest = done.last['manifest']
    verified = manifest['verified']
    assert (done.code, manifest['precision'], manifest['fields']['precision']) == (0, 'int8', 'int8')
    assert (verified['psnr_db'], verified['threshold_db']) == (100.0, 45.0)
    assert verified['reference'] == 'onnxruntime CPUExecutionProvider int8'


@pytest.mark.parametrize(('precision', 'damage'), [('fp16', 3), ('int8', 2), ('fp32', 1)])
def test_engine_that_computes_something_else_is_never_served(
    run: Run, world: World, precision: str, damage: int
) -> None:
    world.damage = damage
    done = run('--size', '24x16', '--precision', precision)
    assert done.code == 1
    threshold = {'fp16': 40, 'int8': 45, 'fp32': 60}[precision]
    assert not plans('engines')
    (plan,) = plans('quarantine')
    manifest = json.loads(plan.with_suffix('.json').read_text())
    found = manifest['verified']['psnr_db']
    assert found < threshold
    assert f'is not used: got {found:g} dB to onnxruntime' in done.last['error']
    assert f'want {threshold} dB' in done.last['error']
    assert not world.gpu.leaks()


def test_small_differences_pass_in_fp16_and_by_request(run: Run, world: World) -> None:
    world.damage = 1
    assert run('--size', '24x16', '--precision', 'fp16').code == 0
    assert run('--size', '24x16', '--precision', 'fp32').code == 1
    assert run('--size', '24x16', '--precision', 'fp32', '--min-psnr', '45').code == 0


def test_timing_cache_serves_the_next_build(run: Run, world: World) -> None:
    run('--size', '24x16')
    assert len(list((EngineCache().folder / 'timing').glob('*.cache'))) == 1
    run('--size', '48x32')
    assert world.config._cache._data


@pytest.mark.parametrize(
    ('arguments', 'fault'),
    [
        (('--size', '640'), "image size: got '640', want WxH such as 1280x720"),
        (('--size', '0x16'), "image size: got '0x16'"),
        (('--size', '24x16', '--batch', '0'), 'impossible'),
        (('--size', '48x32', '--max-size', '24x16'), 'impossible'),
        (('--size', '24x16', '--optimization-level', '9'), 'impossible optimization level'),
    ],
)
def test_impossible_requests(run: Run, world: World, arguments: tuple[str, ...], fault: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert fault in done.last['error']
    assert not world.calls


def test_missing_model(run: Run, tmp_path: Path) -> None:
    done = run('--size', '24x16', path=tmp_path / 'none.onnx')
    assert done.code == 2
    assert 'cannot be read' in done.last['error']


def test_what_tensorrt_refuses_is_told(run: Run, world: World) -> None:
    world.faults['Builder.build_serialized_network'] = None
    world.reason = 'Could not find any implementation for node /net/conv'
    done = run('--size', '24x16')
    assert done.code == 2
    assert 'Could not find any implementation for node /net/conv' in done.last['error']
    assert 'lower --workspace-mib' in done.last['error']
    assert {'log': 'TensorRT error: Could not find any implementation for node /net/conv'} in done.said
    assert not world.gpu.leaks()


def test_machine_without_gpu(run: Run, world: World) -> None:
    world.gpu.failures['cudaGetDeviceCount'] = NO_DEVICE
    done = run('--size', '24x16')
    assert done.code == 2
    assert 'no GPU' in done.last['error']
    assert not world.calls


def test_builder_can_be_interrupted(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def build(self: object, network: object, config: object) -> None:
        seen.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))

    monkeypatch.setattr('trt_doubles.Builder.build_serialized_network', build)
    before = signal.getsignal(signal.SIGINT)
    assert run('--size', '24x16').code == 2
    assert seen == [signal.SIG_DFL, signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) == before


def test_bar_for_people(world: World, model: Model, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(model.graph()), '--size', '24x16'])
    shown = capfd.readouterr()
    assert ended.value.code == 0
    (plan,) = plans('engines')
    assert shown.out.startswith(f'{plan}: built in ')
    assert 'verified on 2 images: 100 dB to onnxruntime' in shown.out
    world.faults['Builder.create_network'] = None
    with pytest.raises(SystemExit) as ended:
        main([str(model.graph()), '--size', '48x32'])
    assert ended.value.code == 2
    assert 'error: TensorRT made no network' in capfd.readouterr().err
