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
    assert spec.optimization_level == 5


@pytest.mark.parametrize(('given', 'padded'), [((641, 361), (368, 648)), ((1, 1), (8, 8)), ((8, 8), (8, 8))])
def test_sizes_are_those_of_padded_images(model, given, padded):
    assert EngineSpec.for_cameras(model, *given).max_shape == (1, *padded)


@pytest.mark.parametrize(('precision', 'least'), [('fp32', 60.0), ('fp16', 40.0), ('int8', 45.0)])
def test_likeness_is_asked_for_by_precision_unless_it_is_given(model, precision, least):
    assert EngineSpec.for_cameras(model, 64, 64, 1, precision).least_psnr_db == least
    assert EngineSpec.for_cameras(model, 64, 64, 1, precision, min_psnr_db=33.5).least_psnr_db == 33.5


@pytest.mark.parametrize(
    ('change', 'line'),
    [
        ({'precision': 'int4'}, r'impossible precision.*got int4, want fp32 or fp16 or int8'),
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
        ({'min_psnr_db': -1.0}, '0 dB or more'),
        ({'min_psnr_db': float('nan')}, '0 dB or more'),
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
