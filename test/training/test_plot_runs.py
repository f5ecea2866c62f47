"""The plot of what runs gained."""

import json

import cv2
from matplotlib.axes import Axes

from training.commands import plot_runs


def record(folder, *gains):
    """Records of a run that measured blur every ten steps."""
    folder.mkdir()
    lines = [{'step': 5, 'elapsed_s': 1.0, 'loss': 0.5}]
    for number, gain in enumerate(gains, 1):
        quality = {'images': 2, 'psnr_degraded_db': 25.0, 'psnr_restored_db': 25.0 + gain}
        blur = quality | {'ssim_degraded': 0.8, 'ssim_restored': 0.9}
        lines.append({'step': 10 * number, 'elapsed_s': 1.0, 'quality': {'blur': blur}})
    (folder / 'metrics.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return folder


def test_runs_follow_one_another(tmp_path, capsys, monkeypatch):
    stages = [record(tmp_path / 'one', 0.5, 1.0), record(tmp_path / 'two', 1.5)]
    drawn = []
    plot = Axes.plot
    monkeypatch.setattr(
        Axes, 'plot', lambda axes, x, y, *a, **k: drawn.append((x, y)) or plot(axes, x, y, *a, **k)
    )
    out = tmp_path / 'plot.png'
    assert plot_runs.main([*map(str, stages), '--out', str(out)]) == 0
    assert drawn == [([10, 20], [0.5, 1.0]), ([30], [1.5])]
    assert cv2.imread(str(out)).shape[1] > 500
    assert str(out) in capsys.readouterr().out


def test_what_is_no_run_is_one_line(tmp_path, refused):
    assert 'metrics.jsonl' in refused(plot_runs.main, tmp_path)
    assert 'measured nothing yet' in refused(plot_runs.main, record(tmp_path / 'young'))
    run = record(tmp_path / 'run', 1.0)
    assert 'cannot write' in refused(plot_runs.main, run, '--out', tmp_path / 'no' / 'x.png')
