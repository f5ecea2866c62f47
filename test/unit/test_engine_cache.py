"""The engine cache in one process: whole and ours, or not at all."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from cached_engines import ABOUT, FIELDS, KEY, PLAN, files, manifest_in, names

from restore_node.common.errors import EngineError
from restore_node.engine.cache import EngineCache, cache_folder, key_of


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / 'cache'


@pytest.fixture
def cache(folder) -> EngineCache:
    return EngineCache(folder)


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


def test_writing_without_the_lock_is_a_mistake(cache, folder):
    with pytest.raises(RuntimeError, match='without its lock'):
        cache.store(FIELDS, PLAN, ABOUT)
    with cache.lock(KEY):
        pass
    with pytest.raises(RuntimeError, match='without its lock'):
        cache.reject(FIELDS, PLAN, ABOUT, 'too late')
    assert not files(folder)


def test_a_folder_that_cannot_be_made_is_one_clear_line():
    with pytest.raises(EngineError, match=r'cannot write /proc/engines.*RESTORE_NODE_CACHE'):
        EngineCache(Path('/proc/engines'))
