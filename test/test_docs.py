"""What README and docs name of this repository is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
#: A path in backticks or a link, `*` allowed; `launch/` and the like alone are no path of ours.
PATH = re.compile(
    r'[`(]((?:restore_node|training|test|config|launch|dev|docs|requirements)/[\w./*-]*[\w*/])[`)]'
)
LINK = re.compile(r'\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)')
COMMAND = re.compile(r'python3? -m ((?:restore_node|training)(?:\.[a-z\d_]+)+)(?!\.NAME)\b')


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_paths_that_a_page_names_exist(page: Path) -> None:
    named = set(PATH.findall(page.read_text(encoding='utf-8')))
    assert not [path for path in sorted(named) if not list(ROOT.glob(path.rstrip('/')))]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_programs_that_a_page_calls_exist(page: Path) -> None:
    for name in set(COMMAND.findall(page.read_text(encoding='utf-8'))):
        module = ROOT / name.replace('.', '/')
        assert module.with_suffix('.py').is_file() or (module / '__main__.py').is_file(), name


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    for file, heading in LINK.findall(page.read_text(encoding='utf-8')):
        target = page.parent / file if file else page
        assert target.exists(), file
        if heading:
            assert heading in headings(target), f'{file}#{heading}'


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings have where Markdown is shown."""
    lines = re.findall(r'^#+ (.*)$', page.read_text(encoding='utf-8'), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', line.lower()).replace(' ', '-') for line in lines}
