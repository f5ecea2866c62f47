"""The engine cache: whole and ours or not at all, also when processes race, die or run out of disk."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from restore_node.common.errors import EngineError
from restore_node.engine.cache import EngineCache, cache_folder, key_of

FIELDS = {'graph': 'ab' * 32, 'tensorrt': '10.3.0.30', 'shapes': [[1, 64, 64]], 'gpu': 'Orin'}
KEY = key_of(FIELDS)
PLAN = bytes(range(256)) * 64
#: Only a process that hangs takes so long.
HANGS_S = 300
ABOUT = {'precision': 'fp16', 'verified': {'psnr_db': 51.2}, 'build_s': 3.5}

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


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob('*') if not path.is_dir())
    return {name for name in found if not name.endswith('.lock')}


def names(*places: str) -> set[str]:
    return {f'{place}/{KEY[:32]}.{kind}' for place in places for kind in ('plan', 'json')}


def manifest_in(folder: Path, place: str) -> dict:
    return json.loads((folder / place / f'{KEY[:32]}.json').read_text())


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


def test_an_engine_is_found_as_it_was_stored(cache, folder):
    assert cache.find(KEY) is None
    with cache.lock(KEY):
        stored = cache.store(FIELDS, memoryview(PLAN), ABOUT)
    found = EngineCache(folder).find(KEY)
    assert found == stored
    assert (found.key, found.plan, found.path.read_bytes()) == (KEY, PLAN, PLAN)
    assert files(folder) == names('engines')
    manifest = manifest_in(folder, 'engines')
    assert manifest == found.manifest
    assert {name: manifest[name] for name in ABOUT} == ABOUT
    assert (manifest['format'], manifest['fields'], manifest['plan_bytes']) == (1, FIELDS, len(PLAN))
    assert manifest['created'].endswith('+00:00')


def test_everything_is_closed_to_others_whatever_the_umask(folder):
    before = os.umask(0)
    try:
        cache = EngineCache(folder)
        with cache.lock(KEY):
            cache.store(FIELDS, PLAN, ABOUT)
        cache.write_timing('Orin', '10.3', b'times')
    finally:
        os.umask(before)
    for path in (folder, *folder.rglob('*')):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_key_is_of_values_not_of_their_order():
    assert key_of(dict(reversed(FIELDS.items()))) == KEY
    assert len(KEY) == 64
    assert all(key_of({**FIELDS, name: 'other'}) != KEY for name in FIELDS)


def test_a_new_engine_replaces_the_old_one(cache, folder):
    with cache.lock(KEY):
        cache.store(FIELDS, PLAN, ABOUT)
        cache.store(FIELDS, b'newer', {**ABOUT, 'build_s': 1.0})
    assert cache.find(KEY).plan == b'newer'
    assert files(folder) == names('engines')


def flip_a_byte(plan: Path, manifest: Path) -> None:
    data = bytearray(plan.read_bytes())
    data[1000] ^= 1
    plan.write_bytes(data)


def cut_the_plan(plan: Path, manifest: Path) -> None:
    os.truncate(plan, 100)


def remove_the_plan(plan: Path, manifest: Path) -> None:
    plan.unlink()


def link_the_plan(plan: Path, manifest: Path) -> None:
    plan.rename(plan.with_suffix('.elsewhere'))
    plan.symlink_to(plan.with_suffix('.elsewhere'))


def open_the_plan(plan: Path, manifest: Path) -> None:
    plan.chmod(0o644)


def open_the_manifest(plan: Path, manifest: Path) -> None:
    manifest.chmod(0o660)


def cut_the_manifest(plan: Path, manifest: Path) -> None:
    os.truncate(manifest, 40)


def empty_the_manifest(plan: Path, manifest: Path) -> None:
    manifest.write_bytes(b'')


def make_the_manifest_a_list(plan: Path, manifest: Path) -> None:
    manifest.write_text('[1, 2]')


def change_a_field(plan: Path, manifest: Path) -> None:
    values = json.loads(manifest.read_text())
    values['fields']['gpu'] = 'another'
    manifest.write_text(json.dumps(values))


def age_the_format(plan: Path, manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 0'))


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (flip_a_byte, 'not the one of the manifest'),
        (cut_the_plan, 'not the one of the manifest'),
        (remove_the_plan, 'the plan is missing'),
        (link_the_plan, 'symbolic links'),
        (open_the_plan, 'mode 0644'),
        (open_the_manifest, 'mode 0660'),
        (cut_the_manifest, ''),
        (empty_the_manifest, ''),
        (make_the_manifest_a_list, 'no JSON object'),
        (change_a_field, 'another key'),
        (age_the_format, 'format 0'),
    ],
)
def test_a_damaged_engine_is_quarantined(cache, folder, damage, reason):
    with cache.lock(KEY):
        engine = cache.store(FIELDS, PLAN, ABOUT)
    damage(engine.path, engine.path.with_suffix('.json'))
    assert cache.find(KEY) is None
    assert not files(folder) & names('engines')
    quarantined = manifest_in(folder, 'quarantine')
    assert reason in quarantined['quarantined']['reason']
    assert quarantined['key'] == KEY
    with cache.lock(KEY):
        cache.store(FIELDS, PLAN, ABOUT)
    assert cache.find(KEY).plan == PLAN, 'and can be built again'


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can give files away')
@pytest.mark.parametrize('kind', ['.plan', '.json'])
def test_an_engine_of_somebody_else_is_quarantined(cache, folder, kind):
    with cache.lock(KEY):
        path = cache.store(FIELDS, PLAN, ABOUT).path.with_suffix(kind)
    os.chown(path, 12345, -1)
    assert cache.find(KEY) is None
    assert 'owner 12345' in manifest_in(folder, 'quarantine')['quarantined']['reason']


def test_an_engine_under_the_name_of_another_is_not_it(cache, folder):
    other = {**FIELDS, 'gpu': 'Thor'}
    with cache.lock(KEY):
        path = cache.store(FIELDS, PLAN, ABOUT).path
    for kind in ('.plan', '.json'):
        path.with_suffix(kind).rename(path.with_name(key_of(other)[:32] + kind))
    assert cache.find(key_of(other)) is None


def test_an_engine_that_does_not_load_is_taken_out_with_the_reason(cache, folder):
    with cache.lock(KEY):
        engine = cache.store(FIELDS, PLAN, ABOUT)
    assert cache.quarantine(engine, 'TensorRT: version mismatch')
    assert cache.find(KEY) is None
    assert files(folder) == names('quarantine')
    assert manifest_in(folder, 'quarantine')['build_s'] == ABOUT['build_s']
    assert manifest_in(folder, 'quarantine')['quarantined']['reason'] == 'TensorRT: version mismatch'
    assert not cache.quarantine(engine, 'again')  # another process was faster


def test_an_engine_that_fails_its_verification_is_never_served(cache, folder):
    with cache.lock(KEY):
        cache.reject(FIELDS, PLAN, ABOUT, '31.0 dB, want 40 dB')
    assert cache.find(KEY) is None
    assert files(folder) == names('quarantine')
    assert (folder / 'quarantine' / f'{KEY[:32]}.plan').read_bytes() == PLAN
    assert '31.0 dB' in manifest_in(folder, 'quarantine')['quarantined']['reason']


@pytest.mark.parametrize('place', ['', 'engines', 'quarantine', 'timing'])
@pytest.mark.parametrize('mode', [0o755, 0o750, 0o701, 0o777, 0o1777])
def test_a_folder_that_others_can_enter_is_refused(cache, folder, place, mode):
    (folder / place).chmod(mode)
    with pytest.raises(EngineError, match=rf'native code.*got mode {mode:04o}.*chmod 700'):
        EngineCache(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can give folders away')
def test_a_folder_of_somebody_else_is_refused(cache, folder):
    os.chown(folder, 12345, -1)
    with pytest.raises(EngineError, match='got owner 12345, you are 0'):
        EngineCache(folder)


def test_a_link_or_a_file_is_no_folder_for_engines(cache, folder, tmp_path):
    link, file = tmp_path / 'link', tmp_path / 'file'
    link.symlink_to(folder)
    file.write_text('')
    for path in (link, file):
        with pytest.raises(EngineError, match='got no folder'):
            EngineCache(path)
    with pytest.raises(EngineError, match='cannot write'):
        EngineCache(file / 'below')


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('XDG_CACHE_HOME', '')
    monkeypatch.setenv('RESTORE_NODE_CACHE', '')
    assert cache_folder() == tmp_path / '.cache' / 'restore_node'
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')
    assert cache_folder() == tmp_path / '.cache' / 'restore_node'
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    assert cache_folder() == tmp_path / 'xdg' / 'restore_node'
    monkeypatch.setenv('RESTORE_NODE_CACHE', '~/engines')
    assert cache_folder() == tmp_path / 'engines'
    EngineCache()
    assert (tmp_path / 'engines' / 'engines').is_dir()


def test_timings_are_kept_by_gpu_and_version(cache, folder):
    assert cache.read_timing('NVIDIA H200', '10.3.0.30') == b''
    cache.write_timing('NVIDIA H200', '10.3.0.30', b'first')
    cache.write_timing('NVIDIA H200', '10.3.0.30', b'times')
    assert cache.read_timing('NVIDIA H200', '10.3.0.30') == b'times'
    assert cache.read_timing('NVIDIA H200', '11.4.0.1') == b''
    assert files(folder) == {'timing/NVIDIA_H200-10.3.0.30.cache'}
    cache.write_timing('../../etc/Orin', '10', b'tame')
    assert (folder / 'timing' / '.._.._etc_Orin-10.cache').read_bytes() == b'tame'
    (folder / 'timing' / 'NVIDIA_H200-10.3.0.30.cache').chmod(0o666)
    assert cache.read_timing('NVIDIA H200', '10.3.0.30') == b'', 'not ours alone any more'


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


def test_writing_without_the_lock_is_a_mistake(cache, folder):
    with pytest.raises(RuntimeError, match='without its lock'):
        cache.store(FIELDS, PLAN, ABOUT)
    with cache.lock(KEY):
        pass
    with pytest.raises(RuntimeError, match='without its lock'):
        cache.reject(FIELDS, PLAN, ABOUT, 'too late')
    assert not files(folder)


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


def test_a_folder_that_cannot_be_made_is_one_clear_line():
    with pytest.raises(EngineError, match=r'cannot write /proc/engines.*RESTORE_NODE_CACHE'):
        EngineCache(Path('/proc/engines'))
