"""Photographs that come with scikit-image, for trainings that need no data set."""

from pathlib import Path

import skimage.data

from restore_node.common.atomic import Unfinished
from restore_node.common.image_files import write_rgb
from training.config.run import TrainConfig

EXAMPLES = Path('out', 'photographs')
"""Where the configurations of config/experiments look for photographs."""

_NAMES = ('astronaut', 'chelsea', 'coffee', 'rocket')


def provide_photographs(config: TrainConfig) -> None:
    """Put scikit-image's photographs where config/experiments expects some, if none are there."""
    roots = [
        root for source in config.data.sources if source.photographs for root in source.photographs.roots
    ]
    if str(EXAMPLES) in roots and not EXAMPLES.exists():
        with Unfinished(EXAMPLES) as unfinished:
            write_photographs(unfinished)


def write_photographs(folder: Path) -> None:
    """Photographs that come with scikit-image, and two halves of a stereo pair, as PNG files."""
    folder.mkdir(parents=True)
    images = {name: getattr(skimage.data, name)() for name in _NAMES}
    images['motorcycle_left'], images['motorcycle_right'], _ = skimage.data.stereo_motorcycle()
    for name, image in images.items():
        write_rgb(folder / f'{name}.png', image)
