"""What happened to every frame over the time of the drive: latency, outcome and PSNR, as one drawing."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from restore_node.common.metrics import BeforeAfter
from restore_node.runtime.counters import Outcome
from restore_node.tools.replay_test.records import Drive, Replay

INK, FAINT, BAND = '#1c2430', '#8a94a0', '#f2f4f6'
LOST = 'lost in transport'
COLOURS = {'restored': '#0f766e', 'passed through': '#d08a1d', 'dropped': '#b4323a', LOST: '#8a94a0'}
STYLE: dict[Any, Any] = {
    'font.size': 9,
    'text.color': INK,
    'axes.labelcolor': INK,
    'axes.edgecolor': FAINT,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'xtick.color': FAINT,
    'ytick.color': FAINT,
    'xtick.labelcolor': INK,
    'ytick.labelcolor': INK,
    'svg.fonttype': 'path',
    'svg.hashsalt': 'restore_node',
}
WIDTH_IN = 10.4
LABEL_AT = (-0.04, 0.5)
HEIGHTS_IN = {'latency': 2.2, 'outcome': 1.1, 'psnr': 2.2}


def timeline(drive: Drive, replay: Replay, scores: Mapping[int, BeforeAfter]) -> bytes:
    """Draw latency and outcome of every frame and, where the truth is known, PSNR; returns an SVG."""
    start_ns = min((stamp for stamp in replay.played_ns if stamp is not None), default=0)
    names = [name for name in HEIGHTS_IN if name != 'psnr' or scores]
    heights = [HEIGHTS_IN[name] for name in names]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, sum(heights)), layout='constrained')
        axes = figure.subplots(len(names), sharex=True, height_ratios=heights)
        panels = dict(zip(names, axes, strict=True))
        _draw_segments(panels, drive, start_ns)
        _draw_latency(panels['latency'], replay, start_ns)
        _draw_outcomes(panels['outcome'], replay, start_ns)
        if scores:
            _draw_psnr(panels['psnr'], scores, start_ns)
        panels[names[-1]].set_xlabel('time of the drive, s')
        buffer = io.BytesIO()
        figure.savefig(buffer, format='svg', metadata={'Date': None})
    return buffer.getvalue()


def _draw_segments(panels: Mapping[str, Axes], drive: Drive, start_ns: int) -> None:
    """Shade every other segment, and name each above the first panel."""
    for position, segment in enumerate(segment for segment in drive.segments if segment.stamps_ns):
        first, last = ((stamp - start_ns) / 1e9 for stamp in (segment.stamps_ns[0], segment.stamps_ns[-1]))
        panels['latency'].annotate(
            segment.name,
            ((first + last) / 2, 1.03),
            xycoords=('data', 'axes fraction'),
            ha='center',
            color=INK,
        )
        if position % 2 == 0:
            for axes in panels.values():
                axes.axvspan(first, last, color=BAND, linewidth=0, zorder=0)


def _draw_latency(axes: Axes, replay: Replay, start_ns: int) -> None:
    for outcome in (Outcome.RESTORED, Outcome.PASSED_THROUGH):
        points = [
            ((entry.stamp_ns - start_ns) / 1e9, entry.latency_ms)
            for entry in replay.journal
            if entry.outcome is outcome and entry.stamp_ns is not None and entry.latency_ms is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), '.', markersize=5, color=COLOURS[_name(outcome)])
    axes.set_ylim(bottom=0)
    axes.set_ylabel('latency, ms')
    axes.yaxis.set_label_coords(*LABEL_AT)


def _draw_outcomes(axes: Axes, replay: Replay, start_ns: int) -> None:
    """A row for each outcome, a stroke for each frame."""
    stamps: dict[str, list[int | None]] = {name: [] for name in COLOURS}
    for entry in replay.journal:
        stamps[_name(entry.outcome)].append(entry.stamp_ns)
    lost = Counter(replay.played_ns) - Counter(entry.stamp_ns for entry in replay.journal)
    stamps[LOST] = list(lost.elements())
    rows = list(reversed(stamps.items()))
    for row, (name, found) in enumerate(rows):
        times = [(stamp - start_ns) / 1e9 for stamp in found if stamp is not None]
        axes.vlines(times, row + 0.12, row + 0.88, color=COLOURS[name], linewidth=1.6)
    axes.set_yticks(
        [row + 0.5 for row in range(len(rows))], [f'{name}  {len(found)}' for name, found in rows]
    )
    axes.set_ylim(0, len(rows))
    axes.tick_params(axis='y', length=0)
    axes.spines['left'].set_visible(False)


def _draw_psnr(axes: Axes, scores: Mapping[int, BeforeAfter], start_ns: int) -> None:
    times = [(stamp - start_ns) / 1e9 for stamp in scores]
    for name, colour, values in (
        ('degraded', FAINT, [score.psnr_degraded_db for score in scores.values()]),
        ('restored', COLOURS['restored'], [score.psnr_restored_db for score in scores.values()]),
    ):
        axes.plot(times, values, '.', markersize=5, color=colour, label=name)
    axes.set_ylabel('PSNR, dB')
    axes.yaxis.set_label_coords(*LABEL_AT)
    axes.legend(frameon=False, ncols=2, loc='upper right', handletextpad=0.1)


def _name(outcome: Outcome) -> str:
    return outcome.value.replace('_', ' ')
