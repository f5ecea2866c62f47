"""benchmark compare: what is a change and what is noise, from figures that are made up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from restore_node.tools.benchmark.__main__ import main
from restore_node.tools.benchmark.compare import LEAST_CHANGE, Change, change_between, changes


def run_of(median: float, seed: int, drift: float = 1.0, frames: int = 100) -> np.ndarray:
    """Frames with a tail, as frames have."""
    return drift * median * np.exp(np.random.default_rng(seed).gamma(1.0, 0.05, frames))


def report(median: float, seed: int, drift: float = 1.0, **others: object) -> dict:
    frames = run_of(median, seed, drift).tolist()
    result = {'candidate': 'onnxruntime cpu fp32', 'size': [640, 360], 'totals_ms': frames}
    broken = {'candidate': 'tensorrt cuda fp16', 'size': [640, 360], 'fault': 'no GPU'}
    return {'host': {'cpu': 'a processor'}, 'results': [result, broken]} | others


@pytest.mark.parametrize(
    ('after', 'verdict'), [(50.0, 'noise'), (56.0, 'slower'), (45.0, 'faster'), (50.5, 'noise')]
)
def test_one_run_of_each(after, verdict):
    assert change_between([run_of(50.0, 1)], [run_of(after, 2)]).verdict == verdict


def test_runs_that_differ_widen_the_interval():
    """Eight per cent between the medians are nothing where runs of one version differ by as much."""
    drifts = (1.0, 1.12, 0.95, 1.08)
    before = [run_of(50.0, seed, drift) for seed, drift in enumerate(drifts)]
    after = [run_of(54.0, 10 + seed, drift) for seed, drift in enumerate(reversed(drifts))]
    wide, narrow = change_between(before, after), change_between(before[:1], after[3:])
    assert wide.verdict == 'noise'
    assert wide.high - wide.low > narrow.high - narrow.low


def test_a_change_too_small_to_matter_is_noise():
    assert Change(50.0, 50.0 * (1 + LEAST_CHANGE / 2), 1.001, 1.02).verdict == 'noise'


def test_short_runs_can_be_compared():
    assert change_between([np.array([50.0])], [np.array([70.0, 71.0])]).verdict == 'slower'


def test_only_what_ran_everywhere_is_compared():
    assert list(changes([report(50, 1)], [report(50, 2)])) == [('640x360', 'onnxruntime cpu fp32')]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(['compare', *map(str, arguments)])
    return int(ended.value.code or 0)


def test_the_command(tmp_path, capsys):
    files = []
    for name, median, seed in (('a', 50, 1), ('b', 60, 2), ('a2', 50, 3), ('b2', 60, 4)):
        files.append(tmp_path / f'{name}.json')
        files[-1].write_text(json.dumps(report(median, seed)))
    assert run(*files) == 1
    assert 'slower' in capsys.readouterr().out
    assert run(files[1], files[0]) == 0
    shown = capsys.readouterr().out
    assert 'faster' in shown
    assert 'one run of each' in shown
    (tmp_path / 'other.json').write_text(json.dumps(report(50, 5, host={'cpu': 'another'})))
    run(files[0], tmp_path / 'other.json')
    assert 'not measured alike: host differs' in capsys.readouterr().out


def test_bad_files(tmp_path, capsys):
    file = tmp_path / 'a.json'
    file.write_text('{}')
    assert run(file, file) == 2
    assert 'no result of benchmark' in capsys.readouterr().err
    assert run(tmp_path / 'none.json') == 2
    assert 'an even number' in capsys.readouterr().err
