"""benchmark: the turns, the arithmetic of its result, and the command on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from model_files import write_int8_graph

from restore_node.common.host import Processor
from restore_node.common.timing import measure_ms, percentiles
from restore_node.messages import codec
from restore_node.tools.benchmark.__main__ import main
from restore_node.tools.benchmark.run import FLOOR, REFERENCE, Case, cases_as_dicts, image_message, run_cases

STAGES = {'decode', 'convert', 'restore', 'gate', 'encode', 'hand over', 'total'}


@pytest.fixture
def model(make_model) -> Path:
    pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
    return make_model(size_multiple=8)


def case(candidate: str, size: tuple[int, int], totals: list[float], fault: str = '') -> Case:
    stages = {'restore': [total / 2 for total in totals], 'total': totals}
    return Case(candidate, size, device='somewhere', stages=stages if totals else {}, fault=fault)


def test_percentiles_lie_between_the_values():
    assert percentiles([1.0]) == {'p50': 1.0, 'p95': 1.0, 'p99': 1.0}
    assert percentiles(range(101)) == {'p50': 50.0, 'p95': 95.0, 'p99': 99.0}


def test_all_runs_count_but_those_of_the_warm_up():
    calls: list[int] = []
    times = measure_ms(lambda: calls.append(1), runs=2000, warm_up=3)
    assert len(calls) == 2003
    assert len(times) == 2000
    assert min(times) >= 0
    assert percentiles([*times[:-1], 1e9])['p99'] < 1e9


def test_ratios_are_to_the_floor_of_the_same_size():
    small, large = (64, 32), (128, 64)
    results = cases_as_dicts(
        [
            case('a', small, [30.0, 10.0, 20.0]),
            case(FLOOR, small, [4.0, 4.0, 1000.0]),
            case('a', large, [20.0]),
            case(FLOOR, large, [8.0]),
        ]
    )
    assert [result['times_the_floor'] for result in results] == [5.0, 1.0, 2.5, 1.0]
    assert results[0]['stages_ms']['restore']['p50'] == 10.0
    assert results[0]['frames'] == 3


def test_no_floor_no_ratio():
    assert cases_as_dicts([case('a', (64, 32), [30.0])])[0]['times_the_floor'] is None
    broken = case(FLOOR, (64, 32), [], fault='gone')
    assert cases_as_dicts([case('a', (64, 32), [30.0]), broken])[0]['times_the_floor'] is None


def test_a_fault_has_no_figures():
    result = cases_as_dicts([case('a', (64, 32), [3.0, 4.0], fault='broke at the third frame')])[0]
    assert result['fault'] == 'broke at the third frame'
    assert 'stages_ms' not in result


def test_frames_are_taken_in_turn(model, monkeypatch):
    turns = []
    monkeypatch.setattr(
        'restore_node.tools.benchmark.run._take_turn',
        lambda case, backend, message, counted: turns.append((case.candidate, counted)),
    )
    run_cases(str(model), [(24, 16)], frames=2, warm_up=1)
    names = list(dict.fromkeys(name for name, _ in turns))
    assert FLOOR in names
    assert len(names) >= 2
    assert turns == [(name, counted) for counted in (False, True, True) for name in names]


def test_a_way_that_fails_leaves_the_others_running(make_model):
    pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
    only_small = make_model(size_multiple=8, only=(64, 64))
    results = {case.candidate: case for case in run_cases(str(only_small), [(24, 16)], frames=2, warm_up=1)}
    assert results['onnxruntime cpu fp32'].fault
    assert len(results[FLOOR].stages['total']) == 2


def test_stages_make_up_the_total(model):
    for measured in run_cases(str(model), [(90, 50)], frames=3, warm_up=1):
        if not measured.fault:
            assert set(measured.stages) == STAGES
            for index in range(3):
                parts = sum(measured.stages[name][index] for name in STAGES - {'total'})
                assert 0 < parts <= measured.stages['total'][index]


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8', 'mono8'])
def test_its_message_is_a_frame(encoding):
    frame = codec.decode(image_message((30, 20), encoding))
    assert (frame.width, frame.height, frame.encoding) == (30, 20, encoding)
    assert np.std(frame.pixels) > 50


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_command(model, tmp_path, capsys):
    file = tmp_path / 'benchmark.json'
    assert run('--model', model, '--size', '24x16', '--frames', 3, '--warm-up', 1, '--json', file) == 0
    report = json.loads(file.read_text())
    ran = {result['candidate'] for result in report['results'] if 'fault' not in result}
    assert {'onnxruntime cpu fp32', FLOOR} <= ran
    assert report['warm_up'] == 1
    assert report['threads'] == report['host']['cores']
    shown = capsys.readouterr().out
    assert 'plus-ten on' in shown
    assert 'onnxruntime cpu fp32' in shown, 'the table is cut'
    assert run('--model', model, '--json', file) == 2


@pytest.mark.parametrize(
    'wrong', [['--size', '3'], ['--frames', '0'], ['--warm-up', '-1'], ['--threads', '-1']]
)
def test_bad_arguments(model, wrong, capsys):
    assert run('--model', model, *wrong) == 2
    assert capsys.readouterr().err.startswith('error: ')


def test_precisions_are_compared_with_fp32(make_model, monkeypatch):
    pytest.importorskip('openvino', reason='openvino is not installed')
    path = make_model()
    write_int8_graph(path, offset=12)
    monkeypatch.setattr(
        'restore_node.backends.openvino.this_processor',
        lambda: Processor('made up', frozenset({'avx_vnni'}), 2),
    )
    cases = run_cases(str(path), [(24, 16)], frames=2, warm_up=1)
    results = {result['candidate']: result for result in cases_as_dicts(cases)}
    assert results['openvino cpu fp32']['alike_db'] == 60.0
    assert 30.0 < results['openvino cpu int8']['alike_db'] < 50.0, 'two grey levels apart'
    assert results[REFERENCE]['times_as_fast'] == 1.0
    assert results[FLOOR]['alike_db'] is None
    assert len(results[REFERENCE]['totals_ms']) == 2
