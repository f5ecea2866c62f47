"""The trainings of an experiment, each made once: started, gone on with, or found finished."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event

import torch
import yaml

from restore_node.common.atomic import replace_text
from restore_node.common.errors import ConfigError
from training.config.run import TrainConfig, config_values, parse_config
from training.data.samples import Pair
from training.evaluation.quality import Quality, measure
from training.evaluation.systems import open_system
from training.runs import checkpoint
from training.runs.errors import TrainingError
from training.runs.folder import RunFolder


@dataclass(frozen=True)
class Run:
    """One training, in a folder of its name inside the folder `runs` of its experiment.

    Its name tells it from the others, seed included. It starts from a run of the same chain, if from any.
    """

    name: str
    config: TrainConfig
    runs: Path

    @cached_property
    def folder(self) -> RunFolder:
        """Of this run."""
        return RunFolder(self.runs / self.name)

    def command(self) -> list[str]:
        """The training command, for `write_config` to be called before."""
        return [
            *(sys.executable, '-m', 'training.commands.train', str(self._config_file)),
            *('--folder', str(self.folder.path)),
        ]

    def write_config(self) -> None:
        """Write the file that the command names."""
        self.runs.mkdir(parents=True, exist_ok=True)
        replace_text(self._config_file, yaml.safe_dump(config_values(self.config), sort_keys=False))

    def steps_done(self) -> int:
        """Steps that its last checkpoint has; raises ConfigError where that is of another configuration."""
        if not self.folder.checkpoint.exists():
            return 0
        saved = checkpoint.load(self.folder.checkpoint)
        if parse_config(saved.config, str(self.folder.checkpoint)) != self.config:
            raise ConfigError(
                f'{self.folder.path} is a run of another configuration', fix='name another folder with --out'
            )
        return saved.step

    def is_finished(self) -> bool:
        """Whether nothing is left to train."""
        return self.steps_done() == self.config.schedule.total_steps

    def measure(self, pairs: Iterable[Pair]) -> Quality:
        """What its averaged weights are worth on pairs that it has not seen, once it is finished."""
        return measure_weights(self.folder.checkpoint, pairs)

    @property
    def _config_file(self) -> Path:
        return self.runs / f'{self.name}.yaml'


def measure_weights(weights: Path, pairs: Iterable[Pair]) -> Quality:
    """Measure the averaged weights of a checkpoint on pairs."""
    with open_system(str(weights)) as system:
        return measure(system, pairs)


def default_jobs() -> int:
    """Runs that a machine can make side by side: one a core, but only one where there is a GPU."""
    return 1 if torch.cuda.is_available() else os.cpu_count() or 1


def train_all(chains: Sequence[Sequence[Run]], jobs: int, done: Callable[[Run], None]) -> None:
    """Train what is not finished yet; the runs of a chain one after the other, chains side by side.

    A run that was stopped goes on where it was; one that is finished costs nothing. Chains are runs in the
    order in which they need each other, each in one of them; so many `jobs` train at a time, with one thread
    each where they are several. `done` is called with every run of every chain once it is finished.

    Raises TrainingError where a run failed or was stopped (those that were under way beside it have ended by
    then), and ConfigError where a folder is taken by a run of another configuration.
    """
    stopping = Event()

    def train(chain: Sequence[Run]) -> None:
        try:
            for run in chain:
                if stopping.is_set():
                    return
                if not run.is_finished():
                    _train(run, jobs)
                done(run)
        except BaseException:
            stopping.set()
            raise

    with ThreadPoolExecutor(jobs) as pool:
        try:
            for chain in as_completed([pool.submit(train, chain) for chain in chains]):
                chain.result()
        except BaseException:
            stopping.set()
            raise


def _train(run: Run, jobs: int) -> None:
    going_on = ['--resume'] if run.folder.path.exists() else []
    run.write_config()
    threads = {'OMP_NUM_THREADS': '1'} if jobs > 1 else {}
    log = run.runs / f'{run.name}.log'
    with log.open('a', encoding='utf-8') as output:
        subprocess.run(
            [*run.command(), *going_on], stdout=output, stderr=subprocess.STDOUT, env=os.environ | threads
        )
    if not run.is_finished():
        lines = log.read_text(encoding='utf-8').splitlines() or ['nothing said']
        raise TrainingError(
            f'the run {run.name} did not finish',
            seen=lines[-1].removeprefix('error: '),
            fix=f'see {log}; the same command goes on where this one ended',
        )
