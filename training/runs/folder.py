"""The folder of a run: what made it, what came of it, and the state to go on from.

config.yaml     the configuration, resolved
run.json        seed, commit, data, what it started from, environment
data.txt        every photograph or pair, by name and content, and which are held out
checkpoint.pt   see checkpoint.py; best.pt, that of the best score so far; hourly/, one of every hour
metrics.jsonl   losses and qualities by step; tensorboard/ has the same, and pictures
progress.json   how far the run is, its rate and the time left
wandb/          what Weights & Biases keeps, where it is asked for, and wandb_id
nan/            the batch that a run died of
"""

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import torch
import yaml

from restore_node.common.atomic import replace_text, writing
from restore_node.common.errors import ConfigError, InputError
from restore_node.common.host import describe_host, versions_of
from training.config.run import TrainConfig, config_values

LOCK = '.lock'
LOCK_WAIT_S = 60.0
"""Processes whose parent was killed end their step and save first: so long they are waited for."""

_PACKAGES = ('torch', 'lightning-fabric', 'numpy', 'opencv-python-headless', 'pydantic')


class RunFolder:
    """Paths and texts of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / 'config.yaml'
        self.checkpoint = path / 'checkpoint.pt'
        self.best = path / 'best.pt'
        self.hourly = path / 'hourly'
        self.files = path / 'data.txt'
        self.metrics = path / 'metrics.jsonl'
        self.progress = path / 'progress.json'
        self.tensorboard = path / 'tensorboard'
        self.wandb_id = path / 'wandb_id'
        self.nan = path / 'nan'

    def refuse_if_taken(self) -> None:
        """Raise ConfigError where a run already lies."""
        if self.path.exists():
            raise ConfigError(
                f'run folder {self.path} exists', fix='name another with --folder, or go on with --resume'
            )

    def read_config(self) -> dict[str, Any] | None:
        """The configuration that a run was begun with; None where one was killed before it was written.

        Raises ConfigError where no run was begun here, InputError where it cannot be read.
        """
        try:
            if self.config.exists():
                return yaml.safe_load(self.config.read_text(encoding='utf-8'))
            if self.path.is_dir() and all(
                file.name.endswith('.part') or file.name == LOCK for file in self.path.iterdir()
            ):
                return None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f'cannot read the run folder {self.path}', seen=error) from error
        raise ConfigError(
            f'no run to go on with in {self.path}',
            wanted='its checkpoint.pt or config.yaml',
            fix='leave out --resume to begin one, or name its folder with --folder',
        )

    def read_files(self) -> list[str]:
        """The lines of data.txt, none where it is not there; raises InputError if it cannot be read."""
        try:
            return self.files.read_text(encoding='utf-8').splitlines() if self.files.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f'cannot read {self.files}', seen=error) from error

    def put_files_aside(self, step: int) -> None:
        """Keep data.txt under another name: until this step the run had the images that it lists."""
        if self.files.exists():
            self.files.rename(self.files.with_name(f'data_until_step_{step}.txt'))

    def describe(self, config: TrainConfig, provenance: dict[str, Any], files: Iterable[str]) -> None:
        """Write down what makes the run, `files` as data.txt; raises InputError where that is impossible."""
        with writing(f'the run folder {self.path}'):
            self.path.mkdir(parents=True, exist_ok=True)
            replace_text(self.config, yaml.safe_dump(config_values(config), sort_keys=False))
            # What results can depend on besides configuration and data.
            environment = describe_host() | {
                'command': sys.argv,
                'gpus': [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
                'cuda': torch.version.cuda,
                'packages': versions_of(_PACKAGES),
            }
            described = provenance | {'environment': environment}
            replace_text(self.path / 'run.json', json.dumps(described, indent=1) + '\n')
            replace_text(self.files, ''.join(f'{file}\n' for file in files))


@contextmanager
def run_lock(folder: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold a run's folder, to which one process at a time writes; one that ends or is killed lets go of it.

    Raises ConfigError, which names the process, where another one still holds it after so many seconds.
    """
    with (folder / LOCK).open('a+', encoding='utf-8') as file:
        until = time.monotonic() + wait_s
        while not _taken(file):
            if time.monotonic() >= until:
                file.seek(0)
                raise ConfigError(
                    f'{folder} is being written by another training',
                    seen=f'process {file.read().strip() or "unknown"}',
                    fix='stop it (kill -TERM, it saves), or name another folder with --folder',
                )
            time.sleep(0.1)
        file.truncate(0)
        file.write(f'{os.getpid()}\n')
        file.flush()
        yield


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems know no locks; there two runs in one folder are the user's affair.
        return True
    return True
