"""A look at what a configuration trains on: `python -m training.contact_sheet CONFIG [key=value ...]`.

One row for each kind of degradation: degraded beside sharp, several times, each with its PSNR.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.errors import InputError, RestoreError
from restore_node.metrics import psnr
from training.atomic import replacing
from training.commands import report_errors
from training.config import TrainConfig, load_config
from training.data.paired_set import open_pairs
from training.data.pairs import PairSource
from training.data.patches import make_patch, read_frames
from training.data.photographs import find_photographs, split
from training.data.samples import Pair

Rows = dict[str, list[Pair]]

_MARGIN_PX, _LABEL_PX, _NAME_PX = 8, 22, 150
_PAPER, _INK = 255, (20, 20, 20)


def sample_rows(config: TrainConfig, columns: int) -> Rows:
    """Training pairs by kind, uint8 [side, side, 3] RGB each; a paired set has one kind, its layout.

    Raises:
        RestoreError: the data is not where the configuration says, or broken.
    """
    data = config.data
    if data.pairs:
        pairs, _ = open_pairs(data.pairs, data.held_apart)
        source = PairSource(pairs, data.pairs, data.crop_px, config.seed, config.schedule.batch)
        return {data.pairs.layout: [source.sample(index) for index in range(columns)]}
    photographs, _ = split(find_photographs(data.roots, data.frame_stride), data)
    kinds = [kind for kind, weight in config.degradation.kinds.items() if weight > 0.0]
    rows: Rows = {kind: [] for kind in kinds}
    for column in range(columns):
        # One photograph a column: the eye compares kinds on the same picture.
        chosen = int(np.random.default_rng([config.seed, column]).integers(len(photographs)))
        frames = read_frames(photographs[chosen], data)
        for number, kind in enumerate(kinds):
            rng = np.random.default_rng([config.seed, column, number])
            rows[kind].append(make_patch(frames, kind, data, config.degradation, rng))
    return rows


def draw_sheet(rows: Rows) -> NDArray[np.uint8]:
    """The sheet, uint8 [H, W, 3] RGB; every row has the same number of pairs, all of one size."""
    return np.concatenate([_row(name, pairs) for name, pairs in rows.items()])


def _row(name: str, pairs: Sequence[Pair]) -> NDArray[np.uint8]:
    height = pairs[0][0].shape[0] + _LABEL_PX + _MARGIN_PX
    head = _paper(height, _NAME_PX)
    _write(head, name, _LABEL_PX + 20)
    return np.concatenate([head, *map(_cell, pairs)], axis=1)


def _cell(pair: Pair) -> NDArray[np.uint8]:
    both = np.concatenate(pair, axis=1)
    cell = _paper(both.shape[0] + _LABEL_PX + _MARGIN_PX, both.shape[1] + _MARGIN_PX)
    cell[_LABEL_PX : _LABEL_PX + both.shape[0], : both.shape[1]] = both
    _write(cell, f'{psnr(*pair):.1f} dB | sharp', _LABEL_PX - 6)
    return cell


def _paper(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), _PAPER, np.uint8)


def _write(image: NDArray[np.uint8], text: str, baseline: int) -> None:
    cv2.putText(image, text, (4, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)


def save_sheet(sheet: NDArray[np.uint8], path: Path) -> None:
    """Write the sheet as a png. Raises InputError when that cannot be done."""
    data = cv2.imencode('.png', cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes()
    try:
        with replacing(path) as unfinished:
            unfinished.write_bytes(data)
    except OSError as error:
        raise InputError(
            f'cannot write {path}', seen=error, fix='name a file in a folder that exists'
        ) from error


def main(arguments: list[str] | None = None) -> int:
    """Make a sheet as the command line says. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog='python -m training.contact_sheet', description=__doc__.split('\n')[0]
    )
    parser.add_argument('config', help='a YAML file such as config/train/synthetic.yaml')
    parser.add_argument(
        'overrides', nargs='*', metavar='key=value', help='such as data.roots=[/my/photographs]'
    )
    parser.add_argument(
        '--out', type=Path, default=Path('contact_sheet.png'), help='the sheet (default: %(default)s)'
    )
    parser.add_argument('--columns', type=int, default=4, help='pairs of each kind (default: %(default)s)')
    options = parser.parse_args(arguments)
    if options.columns < 1:
        parser.error('--columns: want 1 or more')
    try:
        rows = sample_rows(load_config(options.config, options.overrides), options.columns)
        save_sheet(draw_sheet(rows), options.out)
    except RestoreError as error:
        return report_errors(error)
    for name, pairs in rows.items():
        print(f'{name:<14} {np.mean([psnr(*pair) for pair in pairs]):6.2f} dB mean PSNR to the truth')
    print(options.out)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
