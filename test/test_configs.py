"""Every YAML in the tree loads, and the shipped ones say what the code knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
MADE = {'build', 'install', 'log', 'out', 'runs'}


def yaml_files(folder: Path) -> list[Path]:
    found = (path for ending in ('yaml', 'yml') for path in folder.rglob(f'*.{ending}'))
    inside = (path.relative_to(ROOT) for path in found)
    return sorted(path for path in inside if path.parts[0] not in MADE and not path.parts[0].startswith('.'))


def parameters(declaration: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    """Names and defaults of what a generate_parameter_library file declares."""
    found: dict[str, Any] = {}
    for name, entry in declaration.items():
        if 'type' in entry:
            found[prefix + name] = entry.get('default_value')
        else:
            found |= parameters(entry, f'{prefix}{name}.')
    return found


def flat(values: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    """Nested parameters under their dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f'{prefix}{name}.') if isinstance(value, dict) else {prefix + name: value}
    return found


@pytest.mark.parametrize('path', [*yaml_files(ROOT), Path('.pre-commit-config.yaml')], ids=str)
def test_every_yaml_loads(path: Path) -> None:
    assert yaml.safe_load((ROOT / path).read_text()) is not None


def test_the_shipped_parameters_are_those_of_the_node_with_their_defaults() -> None:
    declared = yaml.safe_load((ROOT / 'restore_node/ros/parameters.yaml').read_text())
    shipped = yaml.safe_load((ROOT / 'config/restore.yaml').read_text())
    given = flat(shipped['/**']['ros__parameters'])
    assert given == parameters(declared['restore_parameters'])


@pytest.mark.parametrize('page', ['README.md', 'docs/parameters.md'])
def test_a_page_gives_the_parameters_their_defaults(page: str) -> None:
    declared = parameters(
        yaml.safe_load((ROOT / 'restore_node/ros/parameters.yaml').read_text())['restore_parameters']
    )
    rows = re.findall(
        r'^\| (`[\w.]+`(?:, `[\w.]+`)*) \| (`[^|]+`) \|', (ROOT / page).read_text(), re.MULTILINE
    )
    told: dict[str, Any] = {}
    for names, values in rows:
        defaults = [yaml.safe_load(value) for value in re.findall('`([^`]*)`', values)]
        named = re.findall('`([^`]*)`', names)
        told |= dict(zip(named, defaults * len(named) if len(defaults) == 1 else defaults, strict=True))
    told = {name: value for name, value in told.items() if name in declared}
    assert told == {name: declared[name] for name in told}
    assert page == 'README.md' or told.keys() == declared.keys()


@pytest.mark.train
@pytest.mark.parametrize(
    'path', [*yaml_files(ROOT / 'config/train'), *yaml_files(ROOT / 'config/experiments')], ids=str
)
def test_every_training_config_is_accepted(path: Path) -> None:
    config = pytest.importorskip(
        'training.config.run', reason='only .venv/train has what training.config imports'
    )
    config.load_config(ROOT / path)
