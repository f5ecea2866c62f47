"""Where a node's parameters were given: for this node, or for whoever it may concern.

A file with a section `/**` (or another pattern) often serves a whole vehicle. What it sets for other nodes
reaches every node that reads it, and is no mistake. What was typed for this node alone and does not exist is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from restore_node.common.errors import ConfigError

ROS_ARGUMENTS, END, PARAMS_FILE = '--ros-args', '--', '--params-file'
PARAMETER = ('-p', '--param')
PARAMETERS = 'ros__parameters'

#: The policies that can be overridden, and their values where they are words.
VALUES = {
    'history': ('keep_last', 'keep_all', 'system_default'),
    'reliability': ('reliable', 'best_effort', 'system_default'),
}
POLICIES: dict[str, Callable[[Any], bool]] = {
    'depth': lambda value: type(value) is int and value > 0,
    'history': lambda value: str(value).lower() in VALUES['history'],
    'reliability': lambda value: str(value).lower() in VALUES['reliability'],
}


def judge_unknown(unknown: set[str], known: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Warnings about unknown parameters that a file for several nodes sets, by the process's command line.

    Raises ConfigError if one of them was set for this node alone.
    """
    shared = names_for_all(arguments)
    if own := sorted(unknown - shared):
        raise ConfigError(
            'unknown parameter',
            seen=', '.join(own),
            wanted=f'one of {", ".join(known)}',
            fix='check the spelling',
        )
    lines = []
    for name in sorted(unknown):
        near = get_close_matches(name, known, n=1)
        hint = f'; did you mean {near[0]}?' if near else ''
        lines.append(f'parameter {name} of a file for several nodes is not ours{hint}')
    return lines


def judge_qos_overrides(given: Mapping[str, object], ends: set[str], arguments: Sequence[str]) -> list[str]:
    """Warnings about QoS overrides in a file for several nodes that are not for this one.

    Args:
        given: the overrides, `qos_overrides.TOPIC.END.POLICY`, and their values.
        ends: what this node has, as `TOPIC.END`; an end is `subscription` or `publisher`.
        arguments: the process's command line, ROS arguments among them.

    Raises:
        ConfigError: one that was set for this node alone would change nothing, or has an impossible value.
    """
    shared, lines = names_for_all(arguments), []
    for name, value in sorted(given.items()):
        end, _, policy = name.removeprefix('qos_overrides.').rpartition('.')
        if end not in ends:
            if name not in shared:
                raise ConfigError(
                    f'{name} changes nothing',
                    seen=end,
                    wanted=f'one of {", ".join(sorted(ends))}',
                    fix='name the topic as it is after remapping',
                )
            lines.append(f'{name} of a file for several nodes is not ours')
        elif policy not in POLICIES:
            raise ConfigError(f'{name} changes nothing', seen=policy, wanted=f'one of {", ".join(POLICIES)}')
        elif not POLICIES[policy](value):
            wanted = 'an integer above 0' if policy == 'depth' else f'one of {", ".join(VALUES[policy])}'
            raise ConfigError(name, seen=value, wanted=wanted)
    return lines


def names_for_all(arguments: Sequence[str]) -> set[str]:
    """Names that parameter files set for every node that fits a pattern, and nobody set for one by name."""
    shared: set[str] = set()
    own: set[str] = set()
    for option, value in _options(arguments):
        if option in PARAMETER:
            own.add(value.partition(':=')[0].rpartition(':')[2])
        else:
            for section, names in _sections(Path(value)):
                (shared if '*' in section else own).update(names)
    return shared - own


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options about parameters, each with its value."""
    is_ros = False
    for option, value in zip(arguments, [*arguments[1:], ''], strict=False):
        if option in (ROS_ARGUMENTS, END):
            is_ros = option == ROS_ARGUMENTS
        elif is_ros and option in (*PARAMETER, PARAMS_FILE):
            yield option, value


def _sections(file: Path) -> Iterator[tuple[str, set[str]]]:
    """The sections of a parameter file: the nodes that each is for, and the parameters it sets."""
    try:
        content = yaml.safe_load(file.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return  # rcl reads it as well, and says what is wrong with it
    yield from _nested('', content)


def _nested(name: str, content: Any) -> Iterator[tuple[str, set[str]]]:
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        if key == PARAMETERS:
            yield name, set(_dotted('', value))
        else:
            yield from _nested(f'{name}/{key}', value)


def _dotted(prefix: str, content: Any) -> Iterator[str]:
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _dotted(f'{prefix}{key}.', value)
        else:
            yield f'{prefix}{key}'
