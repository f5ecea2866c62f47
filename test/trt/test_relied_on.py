"""The doubles are no more than what the true bindings have, and the committed list of it is true."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
import trt_doubles
from bindings import RELIED_ON, describe, usage_of
from trt_doubles import DOUBLES
from trt_world import World

from restore_node.engine.machine import Machine


@pytest.fixture
def reals(bindings: Any) -> dict[str, type]:
    return {double.__name__: getattr(bindings, f'_real_{double.__name__}') for double in DOUBLES}


def test_list_is_what_the_bindings_say(bindings: Any) -> None:
    members = trt_doubles.members_of_doubles()
    listed = {
        member: usage
        for member, usages in json.loads(RELIED_ON.read_text()).items()
        for usage, versions in usages.items()
        if bindings.__version__ in versions
    }
    assert listed == describe(bindings, members), 'run test/trt/bindings.py to write the list anew'
    assert set(json.loads(RELIED_ON.read_text())) == set(members), 'a double has what no version has'


@pytest.mark.parametrize('double', DOUBLES, ids=lambda double: double.__name__)
def test_doubles_take_what_the_real_ones_take(double: type, reals: dict[str, type]) -> None:
    real = reals[double.__name__]
    for name, member in vars(double).items():
        if name.startswith('_') or not hasattr(real, name):
            continue
        if isinstance(member, property):
            assert usage_of(real, name) == 'property', name
            settable = getattr(real, name).fset is not None
            assert settable or member.fset is None, f'{name} can only be read'
        else:
            arguments = ' '.join(list(inspect.signature(member).parameters)[1:])
            assert f'({arguments})' in usage_of(real, name).split(' | '), name


def test_what_a_version_lacks_is_missing(world: World) -> None:
    builder = world.trt.Builder(Machine().library.logger)
    config = builder.create_builder_config()
    assert hasattr(builder, 'platform_has_fast_fp16') == hasattr(
        world.trt._real_Builder, 'platform_has_fast_fp16'
    )
    with pytest.raises(AttributeError, match=r'Builder of TensorRT .* has no max_batch_size'):
        builder.max_batch_size  # noqa: B018  what TensorRT 8 had
    with pytest.raises(AttributeError, match=r'IBuilderConfig of TensorRT .* has no max_workspace_size'):
        config.max_workspace_size = 1


def test_enumerations_are_checked_as_the_real_ones_are(world: World) -> None:
    config = world.trt.Builder(Machine().library.logger).create_builder_config()
    with pytest.raises(TypeError, match='incompatible function arguments'):
        config.set_flag(6)
