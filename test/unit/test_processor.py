"""Which processor this is, read from what Linux says of others."""

from __future__ import annotations

import pytest

from restore_node.backends.processor import this_processor

XEON = """processor\t: 0
model name\t: Intel(R) Xeon(R) Gold
flags\t\t: fpu avx512f avx512_vnni amx_bf16 amx_tile avx512_bf16

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
JETSON = 'processor\t: 0\nBogoMIPS\t: 62.50\nFeatures\t: fp asimd asimddp\n'


@pytest.mark.parametrize(
    ('cpuinfo', 'name', 'has_vnni', 'features'),
    [
        (XEON, 'Intel(R) Xeon(R) Gold', True, ('AMX', 'AVX512-BF16', 'AVX512-VNNI')),
        ('model name: Core Ultra\nflags: avx2 avx_vnni\n', 'Core Ultra', True, ('AVX-VNNI',)),
        ('model name: old\nflags: avx2 avx512f\n', 'old', False, ()),
        (JETSON, '', False, ()),
        ('', '', False, ()),
    ],
    ids=['AMX', 'AVX-VNNI', 'AVX2', 'Arm', 'nothing'],
)
def test_features(tmp_path, cpuinfo, name, has_vnni, features):
    file = tmp_path / 'cpuinfo'
    file.write_text(cpuinfo)
    found = this_processor(file)
    assert (found.has_vnni, found.features) == (has_vnni, features)
    assert found.name == name or (not name and found.name)
    assert found.cores >= 1


def test_a_machine_that_says_nothing(tmp_path):
    assert this_processor(tmp_path / 'none').flags == frozenset()
