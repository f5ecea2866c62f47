"""The engine cache: whole and ours or not at all, also when processes race, die or run out of disk."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from restore_node.common.errors import EngineError
from restore_node.engine.cache import EngineCache, cache_folder, key_of

FIELDS = {'graph': 'ab' * 32, 'tensorrt': '10.3.0.30', 'shapes': [[1, 64, 64]], 'gpu': 'Orin'}
KEY = key_of(FIELDS)
PLAN = bytes(range(256)) * 64
ABOUT = {'precision': 'fp16', 'verified': {'psnr_db': 51.2}, 'build_s': 3.5}

# What another process does with the same cache: `fields` and `cache` are there.
PRELUDE = f"""
import os, resource, sys, time
from pathlib import Path
from restore_node.engine import cache as cache_module, private_files
from restore_node.engine.cache import EngineCache, key_of
from restore_node.common.errors import EngineError
fields = {FIELDS!r}
cache = EngineCache(Path(sys.argv[1]))
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
        stdout=subprocess.PIPE,
        text=True,
    )


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
        cache.store(FIELDS, PLAN, ABOUT)
    cache.quarantine(KEY, 'TensorRT: version mismatch')
    assert cache.find(KEY) is None
    assert files(folder) == names('quarantine')
    assert manifest_in(folder, 'quarantine')['build_s'] == ABOUT['build_s']
    assert manifest_in(folder, 'quarantine')['quarantined']['reason'] == 'TensorRT: version mismatch'
    cache.quarantine(KEY, 'again')  # another process was faster


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
key = key_of(fields)
with cache.lock(key, on_wait=lambda: print('waits', flush=True)):
    engine = cache.find(key)
    if engine is None:
        print('builds', flush=True)
        time.sleep(0.7)
        engine = cache.store(fields, os.urandom(100_000), {'builder': os.getpid()})
print(engine.manifest['plan_sha256'])
"""
    EngineCache(folder)
    processes = [other_process(folder, build) for _ in range(2)]
    first, second = sorted(process.communicate(timeout=30)[0].split() for process in processes)
    assert first[0] == 'builds'
    assert second[0] == 'waits'
    assert first[1] == second[1]
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
        print('between', flush=True)
        time.sleep(1)
    write(path, data)
cache_module.write_private = slow
with cache.lock(key_of(fields)):
    cache.store(fields, b'new plan', {})
""",
    )
    assert storing.stdout.readline() == 'between\n'
    start = time.monotonic()
    assert cache.find(KEY) is None
    assert time.monotonic() - start < 0.5
    assert storing.wait(30) == 0
    assert cache.find(KEY).plan == b'new plan'
    assert files(folder) == names('engines')


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
        print('writing', flush=True)
        time.sleep(60)
    sync(handle)
os.fsync = stop
with cache.lock(key_of(fields)):
    cache.store(fields, bytes(200_000), {{}})
""",
    )
    assert killed.stdout.readline() == 'writing\n'
    killed.send_signal(signal.SIGKILL)
    killed.wait(30)
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
    with cache.lock(key_of(fields)):
        cache.store(fields, bytes({size}), {{'verified': 'x' * 1000}})
except EngineError as error:
    print(error)
""",
    )
    line = process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert 'cannot write' in line
    assert 'check free space' in line
    assert not files(folder)
    assert cache.find(KEY) is None


def test_a_folder_that_cannot_be_made_is_one_clear_line():
    with pytest.raises(EngineError, match=r'cannot write /proc/engines.*RESTORE_NODE_CACHE'):
        EngineCache(Path('/proc/engines'))
