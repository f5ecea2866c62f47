"""Memory of images that is used again; counted in pages, in processes that nothing else allocates in."""

import subprocess
import sys

import pytest

from restore_node.common.memory import keep_freed_memory

IMAGES = """
import resource, threading
from restore_node.common.memory import keep_freed_memory

def faults_of_images(count):
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(count):
        images = [b'x' * (6 << 20) for _ in range(3)]
        del images
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before

def measure():
    faults_of_images(2)
    print(faults_of_images(50))

{first}
measure()
worker = threading.Thread(target=measure)
worker.start()
worker.join()
"""


def faults(first: str) -> int:
    """Pages that 150 images of 6 MiB were given, in the main thread and in another one."""
    done = subprocess.run(
        [sys.executable, '-c', IMAGES.format(first=first)], capture_output=True, text=True, check=True
    )
    return sum(map(int, done.stdout.split()))


def test_images_get_the_memory_of_those_before_them():
    without, kept = faults(''), faults('keep_freed_memory()')
    if without < 1000:
        pytest.skip('this C library keeps freed memory by itself')
    # A hundredth part: whatever else the interpreter allocates.
    assert kept < without / 100


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr('platform.libc_ver', lambda: ('', ''))
    monkeypatch.setattr('ctypes.CDLL', None)
    keep_freed_memory()
