"""What is logged reaches the node's log whatever its level, under Python 3.10 as well.

rclpy ties a severity to the instruction that logs. Under Python 3.10 `(log.error if bad else log.info)(line)`
is one instruction with two severities, which rclpy refuses with a ValueError: it once ended the thread that
opens backends. Here runs rclpy's own logger, with only the C extension behind it replaced.
"""

from __future__ import annotations

import ast
import enum
import importlib.util
import logging
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from restore_node.ros.logs import PACKAGE, RosHandler, route_logs

ROOT = Path(__file__).resolve().parents[2]
SEVERITIES = ('debug', 'info', 'warning', 'error')


class Severity(enum.IntEnum):
    """`rclpy.impl.logging_severity.LoggingSeverity`."""

    UNSET, DEBUG, INFO, WARN, ERROR, FATAL = 0, 10, 20, 30, 40, 50


class Rclpy:
    """The C extension: everything is enabled, and what is logged is kept."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def rclpy_logging_logger_is_enabled_for(self, *_: object) -> bool:
        return True

    def rclpy_logging_rcutils_log(self, severity: Severity, _name: str, line: str, *_: object) -> None:
        self.lines.append((severity.name, line))


@pytest.fixture(params=['humble', 'jazzy'])
def rclpy_logger(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Rclpy]:
    """A logger of rclpy's own class, and what it logs."""
    found = list((ROOT / '.ros' / request.param).glob('**/rclpy/impl/rcutils_logger.py'))
    if not found:
        pytest.skip(f'no {request.param} of the package registry in .ros: dev/setup.sh node')
    extension = Rclpy()
    contents: dict[str, dict[str, object]] = {
        'rclpy': {'__path__': []},
        'rclpy.clock': {'Clock': type('Clock', (), {})},
        'rclpy.impl': {'__path__': []},
        'rclpy.impl.implementation_singleton': {'rclpy_implementation': extension},
        'rclpy.impl.logging_severity': {'LoggingSeverity': Severity},
        'rclpy.logging': {'__file__': '/nowhere/rclpy/logging.py'},
    }
    for name, content in contents.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys.modules['rclpy'], 'logging', sys.modules['rclpy.logging'], raising=False)
    spec = importlib.util.spec_from_file_location('rclpy.impl.rcutils_logger', found[0])
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module.RcutilsLogger('restore_node'), extension


@pytest.fixture
def package_log() -> Iterator[logging.Logger]:
    """The package's logger, put back as it was."""
    log = logging.getLogger(PACKAGE)
    before = log.handlers[:], log.level, log.propagate
    yield log
    log.handlers[:], log.level, log.propagate = before


def test_every_level_goes_through_one_call_site(
    rclpy_logger: tuple[Any, Rclpy], package_log: logging.Logger
) -> None:
    logger, extension = rclpy_logger
    route_logs(logger)
    log = logging.getLogger(f'{PACKAGE}.runtime.supervisor')
    levels = (logging.INFO, logging.ERROR, logging.DEBUG, logging.WARNING, logging.INFO, logging.ERROR)
    for level in levels:
        log.log(level, 'level %d', level)
    names = {logging.WARNING: 'WARN'}
    assert extension.lines == [
        (names.get(level, logging.getLevelName(level)), f'level {level}') for level in levels
    ]


@pytest.mark.skipif(sys.version_info >= (3, 11), reason='later Pythons tell the two calls apart by chance')
def test_one_call_with_two_severities_is_refused(rclpy_logger: tuple[Any, Rclpy]) -> None:
    """What this is all about: should rclpy ever allow it, the rule below may go."""
    logger, _ = rclpy_logger

    def log(line: str, bad: bool) -> None:
        (logger.error if bad else logger.info)(line)

    log('all well', False)
    with pytest.raises(ValueError, match='severity cannot be changed'):
        log('not well', True)


def test_a_logger_that_raises_does_no_harm(
    package_log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def error(self, line: str) -> None:
            raise ValueError('Logger severity cannot be changed between calls.')

    package_log.handlers[:] = [RosHandler(Broken())]
    package_log.error('a line')
    assert 'severity cannot be changed' in capsys.readouterr().err


@pytest.mark.parametrize('file', sorted((ROOT / 'restore_node').rglob('*.py')), ids=str)
def test_each_logging_call_names_its_severity(file: Path) -> None:
    """A severity is chosen by calling another method in another place, never by choosing what is called."""
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if not isinstance(node, ast.Call):
            continue
        parts = {part.attr for part in ast.walk(node.func) if isinstance(part, ast.Attribute)}
        chosen = isinstance(node.func, (ast.IfExp, ast.Subscript, ast.BoolOp)) and parts & {
            *SEVERITIES,
            'fatal',
        }
        by_name = (
            isinstance(node.func, ast.Call)
            and getattr(node.func.func, 'id', '') == 'getattr'
            and 'log' in ast.unparse(node.func)
        )
        assert not chosen, f'{file.name}:{node.lineno}: one call site with several severities'
        assert not by_name, f'{file.name}:{node.lineno}: one call site with several severities'
