"""Model files: the card, the checksum, where a name is looked for."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from model_files import write_card

from restore_node.common.errors import ModelError
from restore_node.model import ModelCard, Tensor, find_model, load_model

GRAPH = b'the bytes of a graph'
IMAGE = (Tensor('degraded', 'uint8', ('N', 'H', 'W', 3)), Tensor('restored', 'uint8', (None, None, None, 3)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the model `small`, its fp32, fp16 and int8 graphs."""
    for name in ('small.onnx', 'small.fp16.onnx', 'small.int8.onnx'):
        (tmp_path / name).write_bytes(GRAPH)
    digest = hashlib.sha256(GRAPH).hexdigest()
    graphs = {
        'fp32': {'file': 'small.onnx', 'sha256': digest},
        'fp16': {'file': 'small.fp16.onnx', 'sha256': digest},
        'int8': {'file': 'small.int8.onnx', 'sha256': digest},
    }
    write_card(tmp_path, 'small', GRAPH, graphs=graphs)
    return tmp_path


@pytest.fixture
def card(folder: Path) -> dict:
    """The card of `small`, parsed."""
    return json.loads((folder / 'small.json').read_text())


@pytest.mark.parametrize('file', ['small.onnx', 'small.json', 'small.fp16.onnx', 'small.int8.onnx'])
def test_graphs_and_card_name_the_same_model(folder: Path, file: str) -> None:
    model = load_model(str(folder / file))
    assert model.card.name == 'small'
    assert model.graph() == folder / 'small.onnx'
    assert model.graph('fp16') == folder / 'small.fp16.onnx'
    assert model.graph('int8') == folder / 'small.int8.onnx'


def test_bare_name_is_found_in_the_first_ros_overlay(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, first, second = (tmp_path_factory.mktemp(name) for name in ('empty', 'first', 'second'))
    for prefix in (first, second):
        models = prefix / 'share' / 'restore_node' / 'models'
        models.mkdir(parents=True)
        for file in folder.iterdir():
            (models / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{empty}::{first}:{second}')
    assert load_model('small').folder == first / 'share' / 'restore_node' / 'models'


def test_file_in_the_working_folder_needs_no_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert load_model('small.onnx').card.name == 'small'


def test_home_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(folder))
    assert load_model('~/small.onnx').folder == folder


@pytest.mark.parametrize(
    ('name', 'fault'),
    [
        ('', 'no model is named'),
        ('large', "model 'large' is not installed: want one of .*small"),
        ('{folder}/large.onnx', r'no file \S+/large.onnx and no file \S+/large.json'),
        ('{folder}/bare.onnx', r'got no file \S+/bare\.json, want'),
        ('{folder}', 'cannot be read: got no file'),
        ('~nobody_of_this_name/small.onnx', 'cannot be read: got no file'),
        ('nul\0byte.onnx', 'cannot be read'),
    ],
)
def test_name_without_a_model_is_refused(
    folder: Path, name: str, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (folder / 'bare.onnx').write_bytes(GRAPH)
    models = tmp_path / 'share' / 'restore_node' / 'models'
    models.mkdir(parents=True)
    write_card(models, 'small', GRAPH)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    with pytest.raises(ModelError, match=fault):
        find_model(name.format(folder=folder))


@pytest.mark.parametrize('text', ['', '{', '[' * 10, '\udcff', '{"format": 1,}'])
def test_card_that_is_no_json_is_refused(folder: Path, text: str) -> None:
    (folder / 'small.json').write_bytes(text.encode('utf-8', 'surrogateescape'))
    with pytest.raises(ModelError, match=r'card .*small\.json cannot be read.*want a JSON file'):
        load_model(str(folder / 'small.onnx'))


def test_a_card_of_before_the_gate_was_calibrated_has_every_frame_restored(folder: Path) -> None:
    card = json.loads((folder / 'small.json').read_text())
    del card['gate_threshold']
    assert ModelCard.from_dict(card, 'small.json').gate_threshold == 0.0


@pytest.mark.parametrize('values', [[], 'text', 1, None])
def test_card_that_is_no_object_is_refused(values: object) -> None:
    with pytest.raises(ModelError, match='want a JSON object'):
        ModelCard.from_dict(values, 'small.json')


@pytest.mark.parametrize(
    ('changes', 'fault'),
    [
        ({'format': 2}, 'format is 2, this version reads 1'),
        ({'format': True}, 'format is True, not int'),
        ({'name': None}, 'name is None, not str'),
        ({'task': 'dehaze'}, "task is 'dehaze', not one of deblur, derain, restore"),
        ({'size_multiple': 0}, 'size_multiple is 0, not 1 or more'),
        ({'size_multiple': '8'}, "size_multiple is '8', not int"),
        ({'parameters': -1}, 'parameters is -1, not 1 or more'),
        ({'graphs': {}}, r'graphs has \[\], not fp32'),
        ({'graphs': {'int8': {'file': 'small.int8.onnx', 'sha256': ''}}}, r"graphs has \['int8'\], not fp32"),
        ({'graphs': {'fp32': 'small.onnx', 'int4': {}}}, r"graphs has \['fp32', 'int4'\], not fp32"),
        ({'graphs': {'fp32': 'small.onnx'}}, "graphs.fp32 is 'small.onnx'"),
        ({'graphs': {'fp32': {'file': 'small.onnx'}}}, 'graphs.fp32 is'),
        ({'graphs': {'fp32': {'file': 5, 'sha256': 6}}}, 'graphs.fp32 is'),
        ({'quality': {}}, 'quality is {}, not list'),
        ({'gate_threshold': 256}, 'gate_threshold is 256, not 0 to 255'),
        ({'gate_threshold': float('nan')}, 'gate_threshold is nan, not 0 to 255'),
        ({'gate_threshold': '3.4'}, "gate_threshold is '3.4', not float"),
        ({'colour': 'red'}, 'colour is unknown'),
    ],
)
def test_fault_of_a_card_is_named(card: dict, changes: dict, fault: str) -> None:
    with pytest.raises(ModelError, match=f'model card small.json: got {fault}'):
        ModelCard.from_dict(card | changes, 'small.json')


@pytest.mark.parametrize(
    'file', ['/etc/passwd.onnx', '../small.onnx', 'sub/small.onnx', '..', '', '.onnx', 'small']
)
def test_graph_elsewhere_than_beside_its_card_is_refused(card: dict, file: str) -> None:
    graphs = {'fp32': {'file': file, 'sha256': '0' * 64}}
    with pytest.raises(ModelError, match=r'graphs\.fp32\.file is .* not a NAME\.onnx beside the card'):
        ModelCard.from_dict(card | {'graphs': graphs}, 'small.json')


def test_all_faults_of_a_card_are_named_in_one_line(card: dict) -> None:
    wrong = card | {'format': 2, 'task': 'dehaze', 'parameters': 'many', 'colour': 'red'}
    del wrong['terms']
    with pytest.raises(ModelError) as caught:
        ModelCard.from_dict(wrong, 'small.json')
    line = str(caught.value)
    assert '\n' not in line
    for key in ('format', 'task', 'parameters', 'colour', 'terms'):
        assert f'{key} is ' in line


def test_card_under_another_name_is_refused(folder: Path) -> None:
    (folder / 'small.json').rename(folder / 'other.json')
    with pytest.raises(ModelError, match="got name 'small', want 'other'"):
        load_model(str(folder / 'other.json'))


@pytest.mark.parametrize('precision', ['fp32', 'fp16', 'int8'])
def test_changed_graph_is_refused(folder: Path, precision: str) -> None:
    graph = load_model(str(folder / 'small.json')).graph(precision)
    graph.write_bytes(GRAPH[:-1])
    with pytest.raises(ModelError, match=f'{graph.name} does not match its card: got sha256'):
        load_model(str(folder / 'small.json'))


@pytest.mark.parametrize('name', ['small.json', 'small.onnx', 'small.int8.onnx', '.'])
def test_what_everybody_can_write_is_refused(folder: Path, name: str) -> None:
    (folder / name).chmod(0o777)
    with pytest.raises(ModelError, match=r'others may have changed .*: got .*mode 0777'):
        load_model(str(folder / 'small.onnx'))
    (folder / name).chmod(0o1777 if name == '.' else 0o664)
    assert load_model(str(folder / 'small.onnx')).card.name == 'small'


@pytest.mark.parametrize('name', ['small.json', 'small.onnx'])
def test_a_model_of_somebody_else_is_refused(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        os.chown(folder / name, 4321, -1)
        assert load_model(str(folder / 'small.onnx')).card.name == 'small'
    monkeypatch.setattr(os, 'geteuid', lambda: 1234)
    with pytest.raises(ModelError, match='you are 1234'):
        load_model(str(folder / 'small.onnx'))


def test_missing_graph_is_refused(folder: Path) -> None:
    (folder / 'small.fp16.onnx').unlink()
    with pytest.raises(ModelError, match=r'small\.fp16\.onnx cannot be read'):
        load_model(str(folder / 'small.onnx'))


def test_precision_the_card_does_not_have_is_refused(folder: Path) -> None:
    write_card(folder, 'small', GRAPH)
    with pytest.raises(ModelError, match='no fp16 graph: want one of fp32'):
        load_model(str(folder / 'small.onnx')).graph('fp16')


def test_tensors_of_the_contract_are_accepted(folder: Path) -> None:
    degraded, restored = IMAGE
    model = load_model(str(folder / 'small.onnx'))
    model.check_tensors([degraded], [restored])
    model.check_tensors([degraded], [restored._replace(shape=('N', 64, 64, None))])


@pytest.mark.parametrize('which', [0, 1])
@pytest.mark.parametrize(
    'change',
    [
        {'name': 'x'},
        {'element': 'float'},
        {'shape': ('N', 3, 'H', 'W', 3)},
        {'shape': ('N', 'H', 'W')},
        {'shape': ('N', 'H', 'W', 1)},
        {'shape': ()},
    ],
)
def test_other_tensors_are_refused(folder: Path, which: int, change: dict) -> None:
    tensors = list(IMAGE)
    tensors[which] = tensors[which]._replace(**change)
    with pytest.raises(ModelError, match='does not keep the contract'):
        load_model(str(folder / 'small.onnx')).check_tensors(tensors[:1], tensors[1:])


@pytest.mark.parametrize('shape', [(1, 'H', 'W', 3), ('N', 64, 'W', 3), ('N', 3, 'H', 'W')])
def test_input_of_fixed_size_is_refused(folder: Path, shape: tuple) -> None:
    with pytest.raises(ModelError, match='with N, H, W dynamic'):
        load_model(str(folder / 'small.onnx')).check_tensors([IMAGE[0]._replace(shape=shape)], [IMAGE[1]])


@pytest.mark.parametrize('count', [0, 2])
def test_other_counts_of_tensors_are_refused(folder: Path, count: int) -> None:
    model = load_model(str(folder / 'small.onnx'))
    for inputs, outputs in ((count, 1), (1, count)):
        with pytest.raises(ModelError):
            model.check_tensors([IMAGE[0]] * inputs, [IMAGE[1]] * outputs)
