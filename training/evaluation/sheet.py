"""Sheets of pictures to look at: named rows of strips, and in a strip the images that belong side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.common.atomic import replacing, writing
from restore_node.common.image_files import encode_png
from restore_node.common.metrics import psnr

Image = NDArray[np.uint8]
"""uint8 [H, W, 3] RGB."""

_MARGIN_PX, _LABEL_PX, _NAME_PX = 8, 22, 150
_PAPER, _INK = 255, (20, 20, 20)


class Strip(NamedTuple):
    """Images of one size, and what is written above them."""

    images: Sequence[Image]
    caption: str


def compare(sharp: Image, *others: Image) -> Strip:
    """A strip that ends with the truth; above the others stands their PSNR to it (RGB, dB)."""
    figures = [f'{psnr(other, sharp):.1f}' for other in others]
    return Strip((*others, sharp), f'{" | ".join(figures)} dB | sharp')


def draw_sheet(rows: Mapping[str, Sequence[Strip]]) -> Image:
    """The sheet; strips and rows of different sizes are filled up with paper."""
    drawn = [_row(name, strips) for name, strips in rows.items()]
    width = max(row.shape[1] for row in drawn)
    return np.concatenate([_filled(row, row.shape[0], width) for row in drawn])


def save_sheet(sheet: Image, path: Path) -> None:
    """Write the sheet as a PNG. Raises InputError when that cannot be done."""
    with writing(path, fix='name a file in a folder that exists'), replacing(path) as unfinished:
        unfinished.write_bytes(encode_png(sheet))


def _row(name: str, strips: Sequence[Strip]) -> Image:
    cells = [_cell(strip) for strip in strips]
    height = max(cell.shape[0] for cell in cells)
    head = _paper(height, _NAME_PX)
    _write(head, name, _LABEL_PX + 20)
    return np.concatenate([head, *(_filled(cell, height, cell.shape[1]) for cell in cells)], axis=1)


def _cell(strip: Strip) -> Image:
    pictures = np.concatenate(strip.images, axis=1)
    height, width = pictures.shape[:2]
    cell = _paper(height + _LABEL_PX + _MARGIN_PX, width + _MARGIN_PX)
    cell[_LABEL_PX : _LABEL_PX + height, :width] = pictures
    _write(cell, strip.caption, _LABEL_PX - 6)
    return cell


def _filled(image: Image, height: int, width: int) -> Image:
    filled = _paper(height, width)
    filled[: image.shape[0], : image.shape[1]] = image
    return filled


def _paper(height: int, width: int) -> Image:
    return np.full((height, width, 3), _PAPER, np.uint8)


def _write(image: Image, text: str, baseline: int) -> None:
    cv2.putText(image, text, (4, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
