"""Soak two nodes, one for raw and one for compressed images: `python -m dev.soak.run FOLDER [--minutes 10]`.

What is done to them is drawn from decks that hold every act once, by the seed. A run ends with the last act
of a deck; at the end the nodes have to restore, and to end cleanly in the midst of an inference.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor

from dev.soak.acts import ACTS
from dev.soak.report import faults_of, table_of
from dev.soak.subject import BrokenError
from dev.soak.trial import MODEL, Trial
from restore_node.common.host import describe_host, utc_now
from restore_node.model import load_model


class Soak:
    """A run: the graph, its clock, and the nodes.

    Args:
        folder: gets logs, journals and the report.
        rate_hz: of each camera.
        seed: of all that is random.
    """

    def __init__(self, folder: Path, rate_hz: float, seed: int) -> None:
        self.folder, self.rate_hz, self.seed = folder, rate_hz, seed
        folder.mkdir(parents=True, exist_ok=True)
        self.node = rclpy.create_node('soak')
        self._elsewhere = rclpy.Context()
        self._elsewhere.init()
        self.stranger = rclpy.create_node('stranger', context=self._elsewhere)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._sampled_at = 0.0
        self._acts = (folder / 'acts.jsonl').open('w', encoding='utf-8')
        self.models = MODEL, copied_model(folder)
        self.trials = [Trial(self, 'front', ''), Trial(self, 'rear', '/compressed')]
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 100)

    def spin(self) -> None:
        """Handle what comes, and take a sample once a second."""
        self._executor.spin_once(timeout_sec=0.02)
        now = time.monotonic()
        if now - self._sampled_at >= 1.0:
            self._sampled_at = now
            for trial in self.trials:
                trial.watch.look()
                with suppress(BrokenError, OSError):  # found out by who waits for the node
                    trial.samples.append(trial.subject.sample())

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.spin()

    def run(self, minutes: float) -> None:
        """Do all acts of as many decks as the time allows, at least one."""
        end = time.monotonic() + 60 * minutes
        for trial in self.trials:
            trial.settle()
        rng, is_first = np.random.default_rng(self.seed), True
        while is_first or time.monotonic() < end:
            is_first = False
            deck = [(trial, act) for trial in self.trials for act in (*ACTS, Trial.leave_alone)]
            for index in rng.permutation(len(deck)):
                trial, act = deck[index]
                trial.acts[act.__name__] += 1
                act(trial if act is Trial.leave_alone else trial.stage)
                self._log(trial, act.__name__)
            for trial in self.trials:
                trial.settle()
        for trial in self.trials:
            trial.finish()

    def _log(self, trial: Trial, act: str) -> None:
        entry = {'node': trial.name, 'act': act, **trial.subject.sample()._asdict()}
        self._acts.write(json.dumps(entry) + '\n')
        self._acts.flush()

    def close(self) -> None:
        """Leave the graph."""
        self._acts.close()
        self._executor.shutdown()
        self.node.destroy_node()
        self.stranger.destroy_node()
        self._elsewhere.shutdown()

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            for trial in self.trials:
                # Of a node that starts up the updater tells without values.
                if status.name == f'/{trial.name}: restoration' and status.values:
                    trial.values = {value.key: value.value for value in status.values}
                    trial.watch.diagnosed(status.level[0], status.message, trial.values)


def copied_model(folder: Path) -> str:
    """Copy the model under another name; the copy's path."""
    graph, path = load_model(MODEL).graph(), folder / 'copy.onnx'
    path.write_bytes(graph.read_bytes())
    card = json.loads(graph.with_suffix('.json').read_text(encoding='utf-8'))
    card |= {'name': path.stem, 'graphs': {'fp32': card['graphs']['fp32'] | {'file': path.name}}}
    path.with_suffix('.json').write_text(json.dumps(card), encoding='utf-8')
    return str(path)


def main() -> int:
    """Run as the command line says; 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog='soak', description=__doc__.split('\n')[0])
    parser.add_argument('folder', type=Path, help='where report, logs and journals go')
    parser.add_argument('--minutes', type=float, default=10.0, help='how long (default 10)')
    parser.add_argument('--rate', type=float, default=30.0, help='of each camera, Hz (default 30)')
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args()
    rclpy.init()
    started = time.monotonic()
    soak = Soak(given.folder, given.rate, given.seed)
    try:
        soak.run(given.minutes)
    except BrokenError as error:
        for trial in soak.trials:
            trial.watch.fault('broken', str(error))
    finally:
        for trial in soak.trials:
            trial.end()
    report = {
        'format': 1,
        'date': utc_now(),
        'minutes': round((time.monotonic() - started) / 60, 1),
        'rate_hz': given.rate,
        'seed': given.seed,
        'rmw_implementation': rclpy.get_rmw_implementation_identifier(),
        'ros_distro': os.environ.get('ROS_DISTRO', ''),
        'host': describe_host(),
        'load_average': round(os.getloadavg()[0], 2),
        'nodes': {trial.name: trial.figures() for trial in soak.trials},
    }
    (given.folder / 'report.json').write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
    faults = faults_of([report])
    print('\n'.join([table_of([report]), '', *(faults or ['no faults'])]))
    soak.close()
    rclpy.try_shutdown()
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
