"""Look at what a configuration trains on and what came of it: `python -m training.commands.contact_sheet`.

One row for each kind of degradation: degraded beside sharp, several times, each with its PSNR. With `--model`
the images are those held out, and what the model makes of each stands in between; several models stand beside
each other. `--beside` puts real pictures of a folder below: synthetic ones are right when you cannot tell.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from restore_node.common.errors import InputError
from restore_node.common.image_files import IMAGE_SUFFIXES, images_under, read_rgb
from restore_node.common.metrics import psnr
from training.commands.cli import add_repeated, command_parser, count, one_line_errors
from training.config.run import TrainConfig, load_config
from training.data.cutting import middle
from training.data.feed import OpenSource, open_feed, open_source
from training.data.patches import PatchMaker
from training.data.samples import Pair
from training.data.spread import few
from training.evaluation.sheet import Strip, compare, draw_sheet, save_sheet
from training.evaluation.systems import System, open_system


def training_pairs(config: TrainConfig, columns: int) -> dict[str, list[Pair]]:
    """Training pairs by kind, uint8 [side, side, 3] RGB each; a paired set has one kind, its name.

    Where there are several sources, kinds have the names of their sources before them.
    """
    pairs: dict[str, list[Pair]] = {}
    for source in config.data.sources:
        opened = open_source(source)
        if source.pairs:
            samples = opened.samples(config)
            pairs[source.name] = [samples.sample(index) for index in range(columns)]
        else:
            prefix = f'{source.name}_' if len(config.data.sources) > 1 else ''
            pairs |= {prefix + kind: row for kind, row in _by_kind(opened, config, columns).items()}
    return pairs


def _by_kind(opened: OpenSource, config: TrainConfig, columns: int) -> dict[str, list[Pair]]:
    maker = PatchMaker.of(opened.config, config)
    pairs: dict[str, list[Pair]] = {
        kind: [] for kind, weight in maker.degradation.kinds.items() if weight > 0.0
    }
    for column in range(columns):
        # One photograph a column: the eye compares kinds on the same picture.
        chosen = int(np.random.default_rng([config.seed, column]).integers(len(opened.train)))
        for number, (kind, row) in enumerate(pairs.items()):
            row.append(maker.first(opened.train, chosen, kind, [config.seed, column, number]))
    return pairs


def restored_strips(config: TrainConfig, systems: Sequence[System], columns: int) -> dict[str, list[Strip]]:
    """Degraded, restored (by each system) and sharp patches of what a configuration holds out."""
    held_out = open_feed(config).held_out()
    return {
        held.name: [
            compare(sharp, degraded, *(system(degraded) for system in systems))
            for degraded, sharp in held.pairs[:: max(1, len(held.pairs) // columns)][:columns]
        ]
        for held in held_out
    }


def real_strips(folder: Path, side: int, columns: int) -> list[Strip]:
    """Middles of pictures of a folder, spread over all of them: uint8 [side, side, 3] RGB or smaller."""
    files = images_under(folder)
    if not files:
        raise InputError(f'{folder} has no images', wanted=' '.join(IMAGE_SUFFIXES))
    return [Strip((middle(read_rgb(file), side, side),), file.name) for file in few(files, columns)]


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Make a sheet as the command line says."""
    parser = command_parser(__file__, __doc__, config=True)
    add = parser.add_argument
    add('--out', type=Path, default=Path('contact_sheet.png'), help='the sheet (default: %(default)s)')
    add('--columns', type=count, default=4, help='pairs of each kind (default: %(default)s)')
    restores = 'show what a shipped model, an .onnx file or a checkpoint restores'
    add_repeated(parser, '--model', restores, 'MODEL')
    add('--beside', type=Path, metavar='DIR', help='a folder of real pictures to show below, as large')
    options = parser.parse_intermixed_args(arguments)
    config = load_config(options.config, options.overrides)
    if options.model:
        with ExitStack() as opened:
            systems = [opened.enter_context(open_system(model)) for model in options.model]
            strips = restored_strips(config, systems, options.columns)
    else:
        pairs = training_pairs(config, options.columns)
        strips = {kind: [compare(sharp, degraded) for degraded, sharp in row] for kind, row in pairs.items()}
    beside, side = options.beside, config.data.patch_px
    real = {'real': real_strips(beside, side, 2 * options.columns)} if beside else {}
    save_sheet(draw_sheet(strips | real), options.out)
    for kind, row in strips.items():
        means = np.mean(
            [[psnr(image, strip.images[-1]) for image in strip.images[:-1]] for strip in row], axis=0
        )
        degraded, *restored = (f'{mean:.2f}' for mean in means)
        made = f' -> {" | ".join(restored)}' if restored else ''
        print(f'{kind:<14} {degraded}{made} dB mean PSNR to the truth')
    print(options.out)


if __name__ == '__main__':
    raise SystemExit(main())
