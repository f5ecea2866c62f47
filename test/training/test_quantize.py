"""The int8 graph: its form, which layers are in it, when it is refused, and what becomes of the card."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from skimage.data import astronaut

from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.common.errors import ModelError
from restore_node.common.metrics import psnr
from restore_node.model import load_model
from restore_node.tools.graph_check import faults_of_graph
from training.commands import quantize
from training.evaluation.quality import Quality
from training.model_file.quantization import Quantiser

SHIPPED = Path(__file__).parents[2] / 'models'


@pytest.fixture
def graph(tmp_path):
    """The shipped model, whose int8 graph is still to be made."""
    folder = tmp_path / 'models'
    folder.mkdir()
    for name in ('restore-lite.onnx', 'restore-lite.fp16.onnx'):
        shutil.copy(SHIPPED / name, folder)
    card = json.loads((SHIPPED / 'restore-lite.json').read_text())
    card['graphs'].pop('int8', None)
    (folder / 'restore-lite.json').write_text(json.dumps(card))
    return folder / 'restore-lite.onnx'


@pytest.fixture(scope='module')
def frames():
    photograph = astronaut()
    return np.stack([cv2.resize(photograph, (128, 128)), photograph[:128, :128]])


def test_it_writes_a_third_graph_and_measures_it(graph, write_config, capsys):
    before = load_model(str(graph)).card
    assert quantize.main([str(graph), write_config(), '--samples', '16']) == 0
    shown = capsys.readouterr().out
    assert 'blur' in shown
    assert 'change, dB' in shown

    model = load_model(str(graph))
    assert faults_of_graph(model.graph('int8')) == []
    assert {name: model.card.graphs[name] for name in before.graphs} == before.graphs
    measured = [entry for entry in model.card.quality if entry.get('graph') == 'int8']
    assert [entry['data'] for entry in measured] == [
        'held out by the run: clean',
        'held out by the run: blur',
    ]
    assert [entry for entry in model.card.quality if entry not in measured] == [
        entry for entry in before.quality if entry.get('graph') != 'int8'
    ]
    assert sorted(file.suffixes[-1] for file in graph.parent.iterdir()) == [
        '.json',
        '.onnx',
        '.onnx',
        '.onnx',
    ]


def test_the_chosen_layers_are_in_int8_and_no_others(graph, frames, tmp_path):
    quantiser = Quantiser(graph, frames)
    chosen = quantiser.layers[3:6]
    quantiser.write(chosen, tmp_path / 'some.onnx')
    made = onnx.load(tmp_path / 'some.onnx')
    from_int8 = {
        output for node in made.graph.node if node.op_type == 'DequantizeLinear' for output in node.output
    }
    convolutions = [node for node in made.graph.node if node.op_type == 'Conv']
    assert [node.name for node in convolutions if node.input[0] in from_int8] == chosen
    assert [node.name for node in convolutions if node.input[1] in from_int8] == chosen
    assert not any(node.input[2] in from_int8 for node in convolutions), 'TensorRT takes no quantised biases'


def test_the_result_is_nearly_the_same(graph, frames, tmp_path):
    quantiser = Quantiser(graph, frames)
    quantiser.write(quantiser.layers[1:-1], tmp_path / 'restore-lite.int8.onnx')
    shutil.copy(tmp_path / 'restore-lite.int8.onnx', graph.parent)
    card = json.loads(graph.with_suffix('.json').read_text())
    card['graphs']['int8'] = quantize.graph_entry(graph.parent / 'restore-lite.int8.onnx')
    graph.with_suffix('.json').write_text(json.dumps(card))
    model, restored = load_model(str(graph)), {}
    for precision in ('fp32', 'int8'):
        with OnnxRuntimeBackend(model, 'cpu', precision=precision) as backend:
            restored[precision] = backend.restore(frames[:1])[0]
    assert 40.0 < psnr(*restored.values()) < 100.0


def test_layers_are_ranked_by_what_they_do(graph, frames):
    quantiser = Quantiser(graph, frames)
    found = quantiser.sensitivities(frames)
    assert set(found) == set(quantiser.layers)
    assert list(found.values()) == sorted(found.values())
    # Pixels come in at one end and go out at the other.
    assert {quantiser.layers[0], quantiser.layers[-1]} & set(list(found)[:3])


def test_a_graph_that_loses_too_much_is_not_written(graph, write_config, monkeypatch, capsys):
    before = {file.name: file.read_bytes() for file in graph.parent.iterdir()}
    monkeypatch.setattr(quantize, 'LOST_DB', -100.0)
    assert quantize.main([str(graph), write_config(), '--samples', '8']) == 1
    assert 'refused: clean loses' in capsys.readouterr().out
    assert {file.name: file.read_bytes() for file in graph.parent.iterdir()} == before


def test_what_is_too_much():
    exact = {'clean': Quality(2, 40.0, 39.0, 0.9, 0.9), 'blur': Quality(2, 25.0, 27.0, 0.7, 0.8)}

    def faults(blur_db, alike_db):
        found = exact | {'blur': Quality(2, 25.0, blur_db, 0.7, 0.8)}
        return quantize.Quantised(None, (), exact, found, alike_db).faults

    assert faults(26.91, 45.1) == []
    assert faults(26.89, 44.9) == [
        'blur loses 0.110 dB, more than 0.1',
        'a clean image is 44.9 dB alike, less than 45',
    ]


def test_a_model_without_convolutions_has_nothing_to_quantise(make_model, frames):
    with pytest.raises(ModelError, match='no Conv to quantise'):
        Quantiser(make_model(), frames)


def test_bad_arguments(graph, tmp_path, refused):
    assert 'none.yaml' in refused(quantize.main, graph, tmp_path / 'none.yaml')
    with pytest.raises(SystemExit):
        quantize.main([str(graph), '--samples', '2'])
