"""Progress where there is no terminal."""

from __future__ import annotations

import pytest

from restore_node.common import console


@pytest.mark.parametrize(
    ('seconds', 'said'), [(0.0, ['reading: 1 of 2', 'reading: 2 of 2', 'writing: 1']), (1e9, [])]
)
def test_progress_without_a_terminal_is_a_line_now_and_then(capsys, monkeypatch, seconds, said):
    monkeypatch.setattr(console, 'LINE_SECONDS', seconds)
    with console.progress_bar() as bar:
        assert list(bar.track(range(2), 2, description='reading')) == [0, 1]
        bar.advance(bar.add_task('writing', total=None))
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(',')[0] for line in lines] == said
