"""Each claim of docs/security.md names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_is_named_exists() -> None:
    text = (ROOT / 'docs' / 'security.md').read_text(encoding='utf-8')
    named = set(re.findall(r'`(test_\w+)`', text))
    sources = '\n'.join(path.read_text(encoding='utf-8') for path in (ROOT / 'test').rglob('test_*.py'))
    assert len(named) > 8
    assert {name for name in named if f'def {name}(' not in sources} == set()
