"""The engine cache between real processes, which race for an engine, die, or run out of disk."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cached_engines import ABOUT, FIELDS, KEY, PLAN, files, names

from restore_node.engine.cache import EngineCache

#: Only a process that hangs takes so long.
HANGS_S = 300

# What another process does with the same cache. `fields`, `key` and `cache` are there, and `meet`, which
# tells the test where the process is and waits until the test lets it go on.
PRELUDE = f"""
import os, resource, sys
from pathlib import Path
from restore_node.engine import cache as cache_module, private_files
from restore_node.engine.cache import EngineCache, key_of
from restore_node.common.errors import EngineError
fields = {FIELDS!r}
key = key_of(fields)
cache = EngineCache(Path(sys.argv[1]))
def meet(where):
    print(where, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / 'cache'


@pytest.fixture
def cache(folder) -> EngineCache:
    return EngineCache(folder)


def other_process(folder: Path, code: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, '-c', PRELUDE + code, str(folder)],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_at(process: subprocess.Popen, where: str) -> None:
    """Wait until another process meets the test there; it stands still from then on."""
    assert process.stdout.readline() == f'{where}\n'


def go_on(process: subprocess.Popen) -> None:
    process.stdin.write('\n')
    process.stdin.flush()


def end(process: subprocess.Popen) -> str:
    """Let another process go to its end; return what it still said."""
    said = process.communicate('\n', timeout=HANGS_S)[0]
    assert process.returncode == 0
    return said


def test_two_processes_build_an_engine_once(folder):
    build = """
with cache.lock(key, on_wait=lambda: print('waits', flush=True)):
    engine = cache.find(key)
    if engine is None:
        meet('builds')
        engine = cache.store(fields, os.urandom(100_000), {'builder': os.getpid()})
print(engine.manifest['plan_sha256'])
"""
    EngineCache(folder)
    first = other_process(folder, build)
    wait_at(first, 'builds')
    second = other_process(folder, build)
    wait_at(second, 'waits')
    assert end(first) == end(second)
    assert files(folder) == names('engines')


def test_while_an_engine_is_built_others_go_on_without(cache, folder):
    """A node asks for an engine while its child builds it: no waiting, and nothing quarantined."""
    with cache.lock(KEY):
        cache.store(FIELDS, PLAN, ABOUT)
    storing = other_process(
        folder,
        """
write = cache_module.write_private
def slow(path, data):
    if path.suffix == '.json':
        meet('between')
    write(path, data)
cache_module.write_private = slow
with cache.lock(key):
    cache.store(fields, b'new plan', {})
""",
    )
    wait_at(storing, 'between')
    assert cache.find(KEY) is None  # while the other one stands still
    end(storing)
    assert cache.find(KEY).plan == b'new plan'
    assert files(folder) == names('engines')


# A node that has read an engine which TensorRT does not load, and now gets round to putting it away.
SLOW_NODE = """
engine = cache.find(key)
meet('read')
print(cache.quarantine(engine, 'does not load'))
"""


@pytest.mark.parametrize('new_plan', [b'new plan', PLAN], ids=['other bytes', 'the same bytes'])
def test_a_node_leaves_alone_what_another_one_has_just_rebuilt(cache, folder, new_plan):
    """Two cameras after an update of the driver: both find the old engine, one of them builds the new one."""
    with cache.lock(KEY):
        cache.store(FIELDS, PLAN, ABOUT)
    slow = other_process(folder, SLOW_NODE)
    wait_at(slow, 'read')
    fast = other_process(
        folder,
        f"""
assert cache.quarantine(cache.find(key), 'does not load')
with cache.lock(key):
    assert cache.find(key) is None
    cache.store(fields, {new_plan!r}, {{'builder': 'fast'}})
""",
    )
    end(fast)
    assert end(slow) == 'False\n'
    found = cache.find(KEY)
    assert (found.plan, found.manifest['builder']) == (new_plan, 'fast')
    assert files(folder) == names('engines', 'quarantine')


def test_a_node_waits_for_no_build_to_put_an_engine_away(cache, folder):
    with cache.lock(KEY):
        cache.store(FIELDS, PLAN, ABOUT)
    slow = other_process(folder, SLOW_NODE)
    wait_at(slow, 'read')
    builder = other_process(
        folder,
        """
with cache.lock(key):
    meet('builds')
    cache.store(fields, b'new plan', {})
""",
    )
    wait_at(builder, 'builds')
    assert end(slow) == 'False\n'  # while the builder stands still
    end(builder)
    assert cache.find(KEY).plan == b'new plan'
    assert files(folder) == names('engines')


def test_nodes_that_find_the_same_fault_put_it_away_once(cache, folder):
    with cache.lock(KEY):
        cache.store(FIELDS, PLAN, ABOUT)
    nodes = [other_process(folder, SLOW_NODE) for _ in range(2)]
    for node in nodes:
        wait_at(node, 'read')
    for node in nodes:
        go_on(node)
    assert sorted(end(node) for node in nodes) == ['False\n', 'True\n']
    assert cache.find(KEY) is None
    assert files(folder) == names('quarantine')


@pytest.mark.parametrize('where', ['plan', 'json'])
def test_a_process_killed_while_it_stores_leaves_no_engine(cache, folder, where):
    with cache.lock(KEY):
        cache.store(FIELDS, PLAN, ABOUT)
    killed = other_process(
        folder,
        f"""
sync = os.fsync
def stop(handle):
    if os.readlink(f'/proc/self/fd/{{handle}}').endswith('.{where}.part'):
        meet('writing')
    sync(handle)
os.fsync = stop
with cache.lock(key):
    cache.store(fields, bytes(200_000), {{}})
""",
    )
    wait_at(killed, 'writing')
    killed.send_signal(signal.SIGKILL)
    killed.wait(HANGS_S)
    assert cache.find(KEY) is None
    with cache.lock(KEY, on_wait=lambda: pytest.fail('the lock outlived its holder')):
        cache.store(FIELDS, PLAN, ABOUT)
    assert cache.find(KEY).plan == PLAN
    assert files(folder) == names('engines'), 'what was left is gone'


@pytest.mark.parametrize(('limit', 'what'), [(50_000, 'plan'), (900, 'manifest')])
def test_a_full_disk_leaves_no_engine(cache, folder, limit, what):
    size = 200_000 if what == 'plan' else 800
    process = other_process(
        folder,
        f"""
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    with cache.lock(key):
        cache.store(fields, bytes({size}), {{'verified': 'x' * 1000}})
except EngineError as error:
    print(error)
""",
    )
    line = end(process)
    assert 'cannot write' in line
    assert 'check free space' in line
    assert not files(folder)
    assert cache.find(KEY) is None
