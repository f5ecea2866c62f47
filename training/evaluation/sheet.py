"""Sheets of pictures to look at: named rows of strips, and in a strip the images that belong side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from restore_node.common.atomic import replacing, writing
from restore_node.common.image_files import encode_png
from restore_node.common.metrics import psnr
from training.data.samples import Image

_MARGIN_PX, _LABEL_PX, _NAME_PX = 8, 22, 150
_PAPER, _INK = (255, 255, 255), (20, 20, 20)


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
    return np.concatenate([_on_paper(row, right=width - row.shape[1]) for row in drawn])


def save_sheet(sheet: Image, path: Path) -> None:
    """Write the sheet as a PNG. Raises InputError when that cannot be done."""
    with writing(path, fix='name a file in a folder that exists'), replacing(path) as unfinished:
        unfinished.write_bytes(encode_png(sheet))


def _row(name: str, strips: Sequence[Strip]) -> Image:
    cells = [_cell(strip) for strip in strips]
    height = max(cell.shape[0] for cell in cells)
    row = np.concatenate([_on_paper(cell, bottom=height - cell.shape[0]) for cell in cells], axis=1)
    row = _on_paper(row, left=_NAME_PX)
    _write(row[:, :_NAME_PX], name, _LABEL_PX + 20)
    return row


def _cell(strip: Strip) -> Image:
    pictures = np.concatenate(strip.images, axis=1)
    cell = _on_paper(pictures, top=_LABEL_PX, bottom=_MARGIN_PX, right=_MARGIN_PX)
    _write(cell, strip.caption, _LABEL_PX - 6)
    return cell


def _on_paper(image: Image, *, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0) -> Image:
    return cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_PAPER)


def _write(image: Image, text: str, baseline: int) -> None:
    cv2.putText(image, text, (4, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
