"""The build command as a child: progress, end and crash of real processes that speak its protocol."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable

import pytest

from restore_node.engine.build_process import BuildProcess, build_arguments
from restore_node.engine.spec import EngineSpec
from restore_node.model import load_model

#: Only a build that hangs takes so long.
SOON = 300.0


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """A busy machine may take its time to end a process."""
    monkeypatch.setattr('restore_node.engine.build_process.PATIENCE_S', SOON)


class Build:
    """A build whose command is a few lines of Python."""

    def __init__(self, lines: str, log: Callable[[str], None] | None = None) -> None:
        self.ended: queue.Queue[str] = queue.Queue()
        self.logged: list[str] = []
        command = [sys.executable, '-u', '-c', 'import os, sys, time\n' + lines]
        self.process = BuildProcess([], self.ended.put, log or self.logged.append, command)

    def complaint(self) -> str:
        return self.ended.get(timeout=SOON)


def test_progress_log_and_success():
    build = Build(
        'print(\'{"phase": "tactics", "percent": 41.6}\')\n'
        'print(\'{"log": "a warning"}\')\n'
        'print("a library that prints")\n'
        'print(\'{"engine": "/x.plan", "manifest": {}}\')\n'
    )
    assert build.complaint() == ''
    assert build.process.progress() == '42 % (tactics)'
    assert build.logged == ['a warning', 'a library that prints']


def test_nonsense_and_a_log_that_fails_do_not_hide_the_end():
    build = Build(
        'print(\'{"phase": 5, "percent": "many"}\')\n'
        'print(\'{"percent": null}\')\n'
        'print("[1, 2]")\n'
        'sys.stdout.buffer.write(b"\\xff\\xfe\\n")\n'
        'print(\'{"error": "at last"}\')\n'
        'sys.exit(2)',
        log=lambda line: 1 / 0,
    )
    assert build.complaint() == 'at last'


def test_error_of_the_command_is_the_complaint():
    build = Build('print(\'{"error": "PSNR 12 dB, wanted 40"}\')\nsys.exit(1)')
    assert build.complaint() == 'PSNR 12 dB, wanted 40'


def test_crash_and_death_are_told_apart():
    assert (
        'exit code 3; it last said: out of memory' in Build('print("out of memory")\nsys.exit(3)').complaint()
    )
    crash = Build('print("building")\nos.abort()').complaint()
    assert 'signal 6' in crash
    assert 'building' in crash


def test_cancel_ends_the_child():
    build = Build('print(\'{"phase": "p", "percent": 1}\')\ntime.sleep(600)')
    build.process.cancel()
    assert 'signal 15' in build.complaint()
    build.process.cancel()  # twice is harmless


def test_cancel_ends_a_child_that_does_not_listen(monkeypatch):
    monkeypatch.setattr('restore_node.engine.build_process.PATIENCE_S', 0.3)
    build = Build(
        'import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint("deaf")\ntime.sleep(600)'
    )
    while not build.logged:
        pass
    build.process.cancel()
    assert 'signal 9' in build.complaint()


@pytest.mark.parametrize('cameras', [1, 3])
def test_arguments_name_the_engine(make_model, cameras):
    model = load_model(str(make_model()))
    spec = EngineSpec.for_cameras(model, 640, 360, cameras=cameras, precision='fp32', workspace_mib=512)
    arguments = build_arguments(spec)
    assert arguments[0].endswith('plus-ten.onnx')
    given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    assert given == {
        '--size': '640x360',
        '--batch': str(cameras),
        '--precision': 'fp32',
        '--optimization-level': '3',
        '--workspace-mib': '512',
        '--progress': 'json',
    }
