"""What engines are asked for: shapes of cameras, and values that no engine can have."""

from __future__ import annotations

import dataclasses
import json

import pytest

from restore_node.common.errors import EngineError
from restore_node.engine.spec import EngineSpec
from restore_node.model import load_model


@pytest.fixture
def model(make_model):
    return load_model(str(make_model(name='tiny', size_multiple=8)))


def test_one_camera_is_pinned_to_its_size(model):
    spec = EngineSpec.for_cameras(model, 640, 360)
    assert spec.min_shape == spec.opt_shape == spec.max_shape == (1, 360, 640)
    assert (spec.precision, spec.optimization_level, spec.workspace_mib) == ('fp16', 3, 1024)
    assert str(spec) == 'tiny fp16 1x360x640'


def test_several_cameras_come_alone_or_together(model):
    spec = EngineSpec.for_cameras(model, 640, 360, 3, 'fp32', optimization_level=5)
    assert (spec.min_shape, spec.opt_shape, spec.max_shape) == ((1, 360, 640), (3, 360, 640), (3, 360, 640))
    assert str(spec) == 'tiny fp32 1x360x640 to 3x360x640'
    assert [spec.covers(batch, 360, 640) for batch in range(5)] == [False, True, True, True, False]
    assert not spec.covers(1, 360, 632)
    assert spec.optimization_level == 5


@pytest.mark.parametrize(('given', 'padded'), [((641, 361), (368, 648)), ((1, 1), (8, 8)), ((8, 8), (8, 8))])
def test_sizes_are_those_of_padded_images(model, given, padded):
    assert EngineSpec.for_cameras(model, *given).max_shape == (1, *padded)


def test_a_range_of_sizes_is_covered_between_its_ends(model):
    spec = EngineSpec(model, 'fp16', (1, 64, 64), (1, 128, 128), (2, 256, 512))
    assert spec.covers(2, 72, 504)
    assert not spec.covers(1, 56, 64)
    assert not spec.covers(3, 64, 64)


@pytest.mark.parametrize(
    ('change', 'line'),
    [
        ({'precision': 'int8'}, r'impossible precision.*got int8, want fp16 or fp32'),
        ({'max_shape': (1, 64, 65)}, 'multiples of 8'),
        ({'max_shape': (1, 65, 64)}, 'multiples of 8'),
        ({'min_shape': (0, 64, 64)}, 'of 1 or more'),
        ({'min_shape': (1, 0, 64)}, 'of 1 or more'),
        ({'min_shape': (1, -64, 64)}, 'of 1 or more'),
        ({'opt_shape': (64, 64)}, r'\(N, H, W\)'),
        ({'min_shape': (1, 72, 64)}, 'nowhere above opt_shape'),
        ({'opt_shape': (2, 64, 64)}, 'nowhere above max_shape'),
        ({'max_shape': (200, 2048, 2048)}, r'at most 2147483647 values'),
        ({'optimization_level': 6}, '0 to 5'),
        ({'optimization_level': -1}, '0 to 5'),
        ({'workspace_mib': 0}, '1 MiB or more'),
    ],
)
def test_refuses_what_no_engine_can_be(model, change, line):
    spec = EngineSpec.for_cameras(model, 64, 64)
    with pytest.raises(EngineError, match=line):
        dataclasses.replace(spec, **change)


@pytest.mark.parametrize('cameras', [0, -1])
def test_refuses_no_cameras(model, cameras):
    with pytest.raises(EngineError, match='impossible'):
        EngineSpec.for_cameras(model, 64, 64, cameras)


def test_its_fields_tell_apart_whatever_makes_another_engine(model):
    spec = EngineSpec.for_cameras(model, 64, 64)
    others = [
        EngineSpec.for_cameras(model, 64, 64, 2),
        EngineSpec.for_cameras(model, 64, 72),
        EngineSpec.for_cameras(model, 64, 64, 1, 'fp32'),
        dataclasses.replace(spec, optimization_level=1),
        dataclasses.replace(spec, workspace_mib=2),
    ]
    texts = {json.dumps(each.fields()) for each in (spec, *others)}
    assert len(texts) == 1 + len(others)
    assert json.loads(json.dumps(spec.fields())) == spec.fields()
