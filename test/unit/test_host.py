"""Which machine this is, read from what Linux says of others."""

from __future__ import annotations

import pytest

from restore_node.common.host import describe_host, host_line, this_processor

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


def test_host_of_a_jetson(tmp_path):
    for name, text in {
        'proc/device-tree/model': 'NVIDIA Jetson AGX Orin Developer Kit\0',
        'proc/meminfo': 'MemTotal:       31354112 kB\nMemFree: 1 kB\n',
        'etc/os-release': 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\n',
        'etc/nv_tegra_release': '# R36 (release), REVISION: 4.3\n# KERNEL_VARIANT: oot\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    facts = describe_host(tmp_path)
    assert facts['jetson'] == 'R36 (release), REVISION: 4.3'
    assert facts['memory_mib'] == 30619
    assert facts['os'] == 'Ubuntu 22.04.5 LTS'
    assert host_line(facts) == f'NVIDIA Jetson AGX Orin Developer Kit, {facts["cores"]} cores'
