"""Before and after, side by side, where the truth is not known."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from restore_node.common.image_files import read_rgb
from training.evaluation.systems import System, save_png

GAP_PX = 8


def write_side_by_side(
    folder: Path,
    paths: Sequence[Path],
    systems: Sequence[System],
    out: Path,
    done: Callable[[], None] = lambda: None,
) -> None:
    """Write one PNG for each image of a folder: the image as it is, then what each system makes of it.

    They keep the images' names in the folder `out`; `done` is called after every image.
    """
    for file in paths:
        image = read_rgb(file)
        name = file.relative_to(folder).as_posix()
        gap = np.full((image.shape[0], GAP_PX, 3), 255, np.uint8)
        row = [image]
        for system in systems:
            row += [gap, system.restore(name, image)]
        save_png(out, name, np.hstack(row))
        done()
