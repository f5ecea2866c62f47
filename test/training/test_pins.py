"""What the training environment brings along is pinned, so that tomorrow's is the one that was tested."""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parents[2] / 'requirements'
# What a build of PyTorch for CUDA asks for goes with that build.
OF_CUDA = ('nvidia-', 'cuda-', 'triton')


def names_in(file):
    pins = re.findall(r'^([\w.-]+)==', (REQUIREMENTS / file).read_text(), re.MULTILINE)
    return {canonicalize_name(name) for name in pins}


def test_every_package_that_training_imports_is_pinned():
    waiting = names_in('train.txt')
    pinned = waiting | names_in('constraints.txt')
    found = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        for line in metadata.requires(name) or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({'extra': ''}):
                waiting |= {canonicalize_name(wanted.name)} - found
    assert {'setuptools', 'grpcio'} <= found
    assert {name for name in found - pinned if not name.startswith(OF_CUDA)} == set()
