"""Run `launch/replay.launch.py` as a process and watch it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from restore_node.common.errors import ReplayError
from restore_node.tools.replay_test.records import Drive

#: What start-up, settling and shutdown may take beside the bag's own time.
MARGIN_S = 180.0
POLL_S = 0.2
STOP_S = 15.0


def run_replay(
    drive: Drive,
    output: Path,
    model: str,
    rate: float,
    on_progress: Callable[[int], None] = lambda frames: None,
) -> None:
    """Play a drive through the node; returns when all of it has ended well.

    `output` gets `restored/`, `journal.jsonl`, `player.json` and `replay.log`. No model is the node's
    default, and `rate` is bag seconds per wall second. `on_progress` is told the number of frames that have
    found their outcome, a few times a second.

    Raises ReplayError if no ROS 2 is sourced, or the launch failed or hung.
    """
    if not shutil.which('ros2'):
        raise ReplayError(
            'ros2 is not on the PATH',
            fix='source dev/setup.bash, or your own ROS 2 and then install/setup.bash',
        )
    arguments = {'bag': drive.bag, 'output': output, 'topic': drive.topic, 'rate': rate, 'model': model}
    command = ['ros2', 'launch', 'restore_node', 'replay.launch.py']
    command += [f'{name}:={value}' for name, value in arguments.items() if value != '']
    log = output / 'replay.log'
    deadline = time.monotonic() + drive.duration_s / rate + MARGIN_S
    with log.open('wb') as sink:
        # A session of its own: one Ctrl-C must reach the launch once, from here, not also from the terminal.
        launch = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while launch.poll() is None:
                if time.monotonic() > deadline:
                    raise ReplayError('the replay hung', seen=f'no end of {drive.bag}', fix=f'see {log}')
                on_progress(_lines(output / 'journal.jsonl'))
                time.sleep(POLL_S)
        finally:
            _stop(launch)
    if launch.returncode:
        raise ReplayError('the replay failed', seen=_first_error(log, launch.returncode), fix=f'see {log}')


def _stop(launch: subprocess.Popen[bytes]) -> None:
    if launch.poll() is not None:
        return
    launch.send_signal(signal.SIGINT)
    try:
        launch.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(launch.pid, signal.SIGKILL)
        launch.wait()


def _lines(path: Path) -> int:
    return path.read_bytes().count(b'\n') if path.exists() else 0


def _first_error(log: Path, code: int) -> str:
    """What the log complains about first: our own programs' line, else launch's, else the exit code."""
    lines = log.read_text(encoding='utf-8', errors='replace').splitlines()
    for mark in ('error: ', '[ERROR] '):
        for line in lines:
            if mark in line:
                return line.partition(mark)[2]
    return f'exit code {code}'
