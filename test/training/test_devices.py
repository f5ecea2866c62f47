"""How a process of a run uses its machine."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from training.loop.devices import set_up_device


@pytest.fixture
def threads(monkeypatch):
    """The number of threads that is asked for; the process keeps its own."""
    asked = []
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 16)
    monkeypatch.setattr(torch, 'set_num_threads', asked.append)
    return asked


def test_the_cores_are_shared_by_the_processes_of_this_machine(threads):
    set_up_device(SimpleNamespace(device=torch.device('cpu'), world_size=4))
    assert threads == [4]


def test_processes_of_other_machines_take_no_cores_from_this_one(threads, monkeypatch):
    for name, value in {'TORCHELASTIC_RUN_ID': '1', 'WORLD_SIZE': '32', 'LOCAL_WORLD_SIZE': '4'}.items():
        monkeypatch.setenv(name, value)
    set_up_device(SimpleNamespace(device=torch.device('cpu'), world_size=32))
    assert threads == [4]


def test_threads_give_way_soon_to_other_programs_unless_the_user_says_otherwise():
    shown = 'import os, sys, training; print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules)'
    for said, expected in (({}, '10000 False'), ({'GOMP_SPINCOUNT': '7'}, '7 False')):
        environment = {name: value for name, value in os.environ.items() if name != 'GOMP_SPINCOUNT'} | said
        done = subprocess.run(
            [sys.executable, '-c', shown], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected
