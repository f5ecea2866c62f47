"""Frames beside each other, and the crop of them that shows most."""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from restore_node.tools.replay_test.scoring import Example

DPI = 100
CELL_PX, GAP_PX, HEAD_PX, SIDE_PX = 480, 8, 30, 34
BEFORE_AFTER_SHARE = 0.5


def pictures(example: Example) -> dict[str, np.ndarray]:
    """The pictures of an example by their titles: degraded, restored and, where it is known, truth."""
    found = {'degraded': example.degraded, 'restored': example.restored}
    return found if example.truth is None else {**found, 'truth': example.truth}


def detail(example: Example, share: float) -> tuple[slice, slice]:
    """Find the rows and columns of the crop that shows most, `share` of the picture wide and high.

    That is where the input is furthest from the truth, or else from the output.
    """
    height, width = example.degraded.shape[:2]
    rows, columns = max(1, int(height * share)), max(1, int(width * share))
    target = example.restored if example.truth is None else example.truth
    error = cv2.absdiff(example.degraded, target).sum(axis=2, dtype=np.float32)
    sums = cv2.boxFilter(error, -1, (columns, rows), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inside = sums[: height - rows + 1, : width - columns + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(top), int(top) + rows), slice(int(left), int(left) + columns)


def before_after(examples: Sequence[Example]) -> bytes:
    """One PNG for a README: a row for each example, all with truth or all without; a column for each kind."""
    titles = list(pictures(examples[0]))
    crops = [detail(example, BEFORE_AFTER_SHARE) for example in examples]
    heights = [
        CELL_PX * (rows.stop - rows.start) // (columns.stop - columns.start) for rows, columns in crops
    ]
    width = SIDE_PX + len(titles) * (CELL_PX + GAP_PX)
    height = HEAD_PX + sum(heights) + GAP_PX * len(examples)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor='white')
    for column, title in enumerate(titles):
        x = (SIDE_PX + column * (CELL_PX + GAP_PX)) / width
        figure.text(x, 1 - HEAD_PX / 2 / height, title, va='center', fontsize=12)
    y = height - HEAD_PX
    for example, crop, cell in zip(examples, crops, heights, strict=True):
        y -= cell
        figure.text(10 / width, (y + cell / 2) / height, example.name, va='center', rotation=90, fontsize=12)
        for column, (title, picture) in enumerate(pictures(example).items()):
            x = SIDE_PX + column * (CELL_PX + GAP_PX)
            axes = figure.add_axes((x / width, y / height, CELL_PX / width, cell / height))
            axes.imshow(picture[crop], interpolation='lanczos', aspect='auto')
            axes.set_axis_off()
            if label := _label(example, title):
                box = {'facecolor': 'black', 'alpha': 0.55, 'edgecolor': 'none', 'pad': 3}
                axes.text(0.02, 0.96, label, color='white', va='top', transform=axes.transAxes, bbox=box)
        y -= GAP_PX
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    return buffer.getvalue()


def _label(example: Example, title: str) -> str:
    if example.score is None or title == 'truth':
        return ''
    value = example.score.psnr_degraded_db if title == 'degraded' else example.score.psnr_restored_db
    return f'{value:.1f} dB'
