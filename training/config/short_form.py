"""Configurations as people write them, brought into the one form that the trainer knows.

A single source is written without its list: `data: {roots: [photos], held_out: [...]}` or
`data: {pairs: {...}}`. The `degradation` of a source or a validation set names only what differs from the
run's.
"""

from dataclasses import fields
from typing import Any

from training.config.data import PhotographsConfig

_OF_PHOTOGRAPHS = tuple(entry.name for entry in fields(PhotographsConfig))

SHORT = ('roots', 'pairs')
"""Keys of `data` that make a single source; given on the command line they replace a file's sources."""


def listed(data: Any) -> Any:
    """The `data` part of a configuration with the one source that its short form describes as a list.

    Raises ValueError where it has several forms at once, or none.
    """
    if not isinstance(data, dict):
        return data
    given = [key for key in ('sources', *SHORT) if data.get(key) is not None]
    if len(given) != 1:
        raise ValueError(f'{" and ".join(given) or "none"} given, want one of roots, pairs and sources')
    if given == ['sources']:
        return data
    rest = {key: value for key, value in data.items() if key not in (*_OF_PHOTOGRAPHS, *SHORT)}
    own = {key: value for key, value in data.items() if key in _OF_PHOTOGRAPHS}
    if given == ['roots']:
        return rest | {'sources': [{'name': 'photographs', 'photographs': own}]}
    pairs = data['pairs'] if isinstance(data['pairs'], dict) else {}
    return rest | {'sources': [{'name': str(pairs.get('layout', 'pairs')), 'pairs': own | pairs}]}


def completed(values: Any) -> Any:
    """A configuration whose sources and validation sets say all of their degradation, where they have one."""
    if not isinstance(values, dict):
        return values
    run = values.get('degradation') or {}
    for group, entries in (('data', 'sources'), ('validation', 'sets')):
        part = values.get(group)
        if isinstance(part, dict) and isinstance(part.get(entries), list):
            whole = [_completed(entry, run) for entry in part[entries]]
            values = values | {group: part | {entries: whole}}
    return values


def _completed(entry: Any, run: Any) -> Any:
    if not (isinstance(entry, dict) and isinstance(entry.get('degradation'), dict)):
        return entry
    return entry | {'degradation': _merged(run, entry['degradation'])}


def _merged(whole: Any, part: Any) -> Any:
    if not (isinstance(whole, dict) and isinstance(part, dict)):
        return part
    # Weights of kinds are a whole: of the run's weights none is left over.
    changed = {
        key: value if key == 'kinds' else _merged(whole.get(key), value) for key, value in part.items()
    }
    return whole | changed
