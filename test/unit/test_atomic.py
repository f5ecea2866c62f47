"""Unfinished: all or nothing, for files and folders."""

from __future__ import annotations

import pytest

from restore_node.common.atomic import Unfinished
from restore_node.common.errors import BagError, InputError


def test_a_file_appears_at_the_end(tmp_path):
    with Unfinished(tmp_path / 'deep' / 'file.txt') as path:
        path.write_text('all of it')
        assert path.name == 'file.txt'
        assert not (tmp_path / 'deep' / 'file.txt').exists()
    assert (tmp_path / 'deep' / 'file.txt').read_text() == 'all of it'
    assert len(list((tmp_path / 'deep').iterdir())) == 1


def test_a_folder_appears_at_the_end(tmp_path):
    with Unfinished(tmp_path / 'folder') as path:
        (path / 'inner').mkdir(parents=True)
        (path / 'inner' / 'a').write_text('a')
    assert (tmp_path / 'folder' / 'inner' / 'a').read_text() == 'a'


@pytest.mark.parametrize('cause', [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_stays_after_a_failure(tmp_path, cause):
    def fail() -> None:
        with Unfinished(tmp_path / 'file') as path:
            path.write_text('half of it')
            raise cause

    with pytest.raises(cause):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_nothing_stays_when_nobody_holds_it(tmp_path):
    unfinished = Unfinished(tmp_path / 'file')
    unfinished.path.write_text('half of it')
    del unfinished
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_was_never_written_is_an_error(tmp_path):
    with pytest.raises(InputError, match='cannot write'), Unfinished(tmp_path / 'file'):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_kind_of_error_is_the_callers(tmp_path):
    (tmp_path / 'taken').write_text('')
    with pytest.raises(BagError, match='exists already'):
        Unfinished(tmp_path / 'taken', BagError)
    with pytest.raises(InputError, match='cannot write'):
        Unfinished(tmp_path / 'taken' / 'below')
