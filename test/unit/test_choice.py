"""Which way of running a model is taken: by what was measured, which is measured once."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from restore_node.backends import choice as choice_file
from restore_node.backends.choice import EXACT, Figures, Way, best_of, choose, ways_of
from restore_node.common.reference_images import make_reference_images
from restore_node.model import load_model

pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')

INT8, BF16, FP32 = (Way('openvino', 'cpu', precision) for precision in ('int8', 'bf16', 'fp32'))
MEASURED = {INT8: Figures(30.0, 49.0), FP32: Figures(70.0, 99.0), EXACT: Figures(90.0, 100.0)}


@pytest.fixture
def measured(monkeypatch) -> list[tuple[str, int]]:
    """Ways that are there everywhere, and their measuring, counted."""
    calls = []

    def measure(model, threads, ways):
        calls.append((model.card.name, threads))
        return {way: MEASURED[way] for way in ways}

    monkeypatch.setattr(choice_file, 'ways_of', lambda model, threads: list(MEASURED))
    monkeypatch.setattr(choice_file, '_measure', measure)
    return calls


@pytest.mark.parametrize(
    ('figures', 'best'),
    [
        (MEASURED, INT8),
        ({INT8: Figures(30.0, 44.9), EXACT: Figures(90.0, 100.0)}, EXACT),
        ({INT8: Figures(30.0, 49.0), BF16: Figures(10.0, 58.0), EXACT: Figures(52.0, 100.0)}, BF16),
        ({INT8: Figures(88.0, 49.0), EXACT: Figures(90.0, 100.0)}, EXACT),
        ({FP32: Figures(95.0, 99.0), EXACT: Figures(90.0, 100.0)}, EXACT),
        ({}, None),
    ],
    ids=['fastest', 'not alike', 'bf16', 'hardly faster', 'slower', 'nothing works'],
)
def test_the_fastest_that_is_exact_enough(figures, best):
    assert best_of(figures) == best


def test_it_may_be_asked_about_some_ways_only():
    assert best_of(MEASURED, lambda way: way.precision == 'fp32') == FP32


def test_it_is_measured_once(make_model, measured, tmp_path):
    model, folder = load_model(str(make_model())), tmp_path / 'cache' / 'choices'
    first = choose(model, 2, folder)
    assert first == choose(model, 2, folder) == MEASURED
    assert len(measured) == 1
    (file,) = folder.glob('*.json')
    content = json.loads(file.read_text())
    assert content['figures']['openvino cpu int8'] == {'ms': 30.0, 'psnr_db': 49.0}
    assert content['fields']['processor']
    assert file.stat().st_mode & 0o777 == 0o600


def test_another_model_or_number_of_threads_is_measured_for_itself(make_model, measured, tmp_path):
    folder = tmp_path / 'cache'
    for name, gain, threads in (('a', 1.0, 1), ('b', 0.5, 1), ('b', 0.5, 2)):
        choose(load_model(str(make_model(name=name, gain=gain))), threads, folder)
    assert measured == [('a', 1), ('b', 1), ('b', 2)]


@pytest.mark.parametrize('content', ['', '{}', '[]', '{"figures": {"openvino cpu int8": {"ms": 1}}}'])
def test_what_cannot_be_read_is_measured_again(make_model, measured, tmp_path, content):
    model, folder = load_model(str(make_model())), tmp_path / 'cache'
    choose(model, 0, folder)
    (file,) = folder.glob('*.json')
    file.write_text(content)
    assert choose(model, 0, folder) == MEASURED
    assert len(measured) == 2
    assert choose(model, 0, folder) == MEASURED
    assert len(measured) == 2


def test_a_folder_of_others_is_not_believed(make_model, measured, tmp_path, caplog):
    folder = tmp_path / 'open'
    folder.mkdir()
    folder.chmod(0o777)
    model = load_model(str(make_model()))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert best_of(choose(model, 0, folder)) == INT8
    assert len(measured) == 2
    assert 'measured at every start' in caplog.text
    assert list(folder.iterdir()) == []


def test_nothing_is_measured_where_there_is_no_choice(make_model, monkeypatch, tmp_path):
    monkeypatch.setattr(choice_file, 'ways_of', lambda model, threads: [EXACT])
    assert best_of(choose(load_model(str(make_model())), 0, tmp_path / 'cache')) == EXACT
    assert not (tmp_path / 'cache').exists()


def test_without_openvino_there_is_no_choice(make_model, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'openvino', None)
    assert ways_of(load_model(str(make_model()))) == [EXACT]


def test_for_real(make_model, monkeypatch, tmp_path):
    pytest.importorskip('openvino', reason='openvino is not installed')
    monkeypatch.setenv('RESTORE_NODE_CACHE', str(tmp_path / 'cache'))
    found = choose(load_model(str(make_model())), 1)
    assert set(found) >= {FP32, EXACT}
    assert all(figures.ms > 0 for figures in found.values())
    assert found[EXACT].psnr_db == found[FP32].psnr_db == 100.0
    assert list((tmp_path / 'cache' / 'choices').glob('*.json'))


def test_a_way_that_fails_is_left_out(make_model, monkeypatch, tmp_path):
    """Here all do: this model takes no image of the size that is measured."""
    monkeypatch.setenv('RESTORE_NODE_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(choice_file, 'ways_of', lambda model, threads: [FP32, EXACT])
    found = choose(load_model(str(make_model(only=(16, 16)))), 1)
    assert best_of(found) is None
    assert list((tmp_path / 'cache' / 'choices').glob('*.json')) == []


def test_its_image_shows_something():
    image = make_reference_images(np.random.default_rng(0), 1, 32, 48)
    assert image.shape == (1, 32, 48, 3)
    assert image.std() > 30
