"""Give a model an int8 graph: `python -m training.commands.quantize restore-lite [CONFIG] [key=value ...]`.

Writes NAME.int8.onnx beside the model's other graphs and into its card, with the quality that was measured on
what the config holds out. It calibrates on the config's training samples, so that it has not seen what it is
measured on; without a config on photographs that come with scikit-image. Layers are put back into fp32, the
most sensitive first, until the graph is good enough; where it never is, nothing is written and the exit code
is 1.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from restore_node.common.console import table_console
from restore_node.common.metrics import capped_psnr
from restore_node.model import Model, load_model
from training.commands.cli import command_parser, one_line_errors
from training.config.run import TrainConfig, load_config
from training.data.example_photographs import EXAMPLES, provide_photographs
from training.data.feed import open_feed
from training.data.validation import ValidationSet
from training.evaluation.quality import Quality, measure
from training.evaluation.systems import open_system
from training.model_file.card import graph_entry, quality_entry, replacing_model, write_card
from training.model_file.quantization import Quantiser

CONFIG = 'restore_lite'
ON_EXAMPLES = (f'data.roots=[{EXAMPLES}]', 'data.held_out=[coffee*, rocket*]')
"""Overrides with which it degrades scikit-image's photographs."""

PRECISION = 'int8'
LOST_DB = 0.1
"""The most of PSNR that a set of images may lose."""

LEAST_ALIKE_DB = 45.0
"""Least PSNR of the int8 graph's result to the fp32 graph's, of every clean image."""

SAMPLES = 192
"""Training samples to calibrate on; every `LOOKED_AT`th of them tells how sensitive a layer is."""
LOOKED_AT = 8


@dataclass(frozen=True)
class Quantised:
    """A graph that was tried, and the layers in it that stay in fp32, the most sensitive first.

    `exact` and `qualities` are what the fp32 graph and this one are worth, by the name of the set; `alike_db`
    is the PSNR in dB of what both make of a clean image, where it is lowest; at most 60.
    """

    graph: Path
    kept: tuple[str, ...]
    exact: Mapping[str, Quality]
    qualities: Mapping[str, Quality]
    alike_db: float

    @property
    def faults(self) -> list[str]:
        """Why it may not be used; empty if it may."""
        faults = []
        for name, quality in self.qualities.items():
            lost_db = self.exact[name].psnr_restored_db - quality.psnr_restored_db
            if lost_db > LOST_DB:
                faults.append(f'{name} loses {lost_db:.3f} dB, more than {LOST_DB}')
        if self.alike_db < LEAST_ALIKE_DB:
            faults.append(f'a clean image is {self.alike_db:.1f} dB alike, less than {LEAST_ALIKE_DB:.0f}')
        return faults


def quantise(model: Model, config: TrainConfig, samples: int, folder: Path) -> Quantised:
    """Find the graph with the most layers in int8 that is good enough; the last one tried if none is.

    It is calibrated on so many training samples of the configuration, and measured on what that holds out;
    the graphs that are tried go into the folder.
    """
    feed = open_feed(config)
    frames = np.stack([feed.source.sample(index)[0] for index in range(samples)])
    multiple = model.card.size_multiple
    height, width = (side // multiple * multiple for side in frames.shape[1:3])
    frames = frames[:, :height, :width]
    quantiser = Quantiser(model.graph(), frames)
    sensitivities = quantiser.sensitivities(list(frames[::LOOKED_AT]))
    for layer, alike_db in sensitivities.items():
        print(f'  {alike_db:5.1f} dB with {layer} alone in int8')
    held_out = feed.held_out()
    exact, restored = _measure(str(model.graph()), 'fp32', held_out)
    ends = {quantiser.layers[0], quantiser.layers[-1]}  # pixels come in, pixels go out
    order = [layer for layer in sensitivities if layer in ends]
    order += [layer for layer in sensitivities if layer not in ends]
    for count in range(len(ends), len(order)):
        kept = tuple(order[:count])
        path = _write(quantiser, kept, model, folder)
        qualities, others = _measure(str(path), PRECISION, held_out)
        alike_db = min(capped_psnr(one, other) for one, other in zip(restored, others, strict=True))
        tried = Quantised(folder / f'{model.card.name}.int8.onnx', kept, exact, qualities, alike_db)
        said = '; '.join(tried.faults) or 'good enough'
        print(f'{len(order) - count} of {len(order)} layers in int8: {said}')
        if not tried.faults:
            break
    return tried


def _write(quantiser: Quantiser, kept: Sequence[str], model: Model, folder: Path) -> Path:
    """Write graphs and card as the node's loader wants them; the path of the fp32 graph names the model."""
    name = model.card.name
    path = folder / f'{name}.int8.onnx'
    quantiser.write([layer for layer in quantiser.layers if layer not in kept], path)
    card = asdict(model.card)
    card['graphs'] = {'fp32': card['graphs']['fp32'], PRECISION: graph_entry(path)}
    shutil.copy(model.graph(), folder / model.graph().name)
    write_card(card, folder)
    return folder / model.graph().name


def _measure(
    source: str, precision: str, sets: Sequence[ValidationSet]
) -> tuple[dict[str, Quality], list[np.ndarray]]:
    """The quality on each set, and the results for clean images: the truths where no set is of them."""
    with open_system(source, device='cpu', precision=precision) as system:
        qualities = {held.name: measure(system, held.pairs) for held in sets}
        clean = [held for held in sets if held.clean] or sets[:1]
        return qualities, [system(sharp) for held in clean for _, sharp in held.pairs]


def install(quantised: Quantised, model: Model) -> Path:
    """Put the graph and its quality beside the model; the path of the graph.

    Raises InputError where the folder cannot be written; the model is as it was.
    """
    card = asdict(model.card)
    card['graphs'][PRECISION] = graph_entry(quantised.graph)
    card['quality'] = [entry for entry in card['quality'] if entry.get('graph') != PRECISION] + [
        quality_entry(f'held out by the run: {name}', quality) | {'graph': PRECISION}
        for name, quality in quantised.qualities.items()
    ]
    with replacing_model(model.folder, model.card.name) as unfinished:
        shutil.copy(quantised.graph, unfinished)
        write_card(card, unfinished)
    return model.folder / quantised.graph.name


def table(quantised: Quantised) -> Table:
    """Mean PSNR of each set: degraded, restored in fp32 and in int8, and what is lost."""
    rows = Table('set', 'images', 'degraded, dB', 'fp32, dB', 'int8, dB', 'change, dB')
    for name, quality in quantised.qualities.items():
        exact = quantised.exact[name]
        values = (exact.psnr_degraded_db, exact.psnr_restored_db, quality.psnr_restored_db)
        change = quality.psnr_restored_db - exact.psnr_restored_db
        rows.add_row(name, str(quality.images), *(f'{value:.2f}' for value in values), f'{change:+.3f}')
    return rows


@one_line_errors
def main(arguments: list[str] | None = None) -> int:
    """Quantise one model. Returns the exit code."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    add('model', help='a shipped model, or the path of a .onnx file')
    add('config', nargs='?', help='whose samples and held-out images are used')
    add('overrides', nargs='*', metavar='key=value', help='such as data.roots=[/photographs]')
    add('--samples', type=int, default=SAMPLES, help=f'to calibrate on (default {SAMPLES})')
    options = parser.parse_intermixed_args(arguments)
    if options.samples < LOOKED_AT:
        parser.error(f'--samples: got {options.samples}, want {LOOKED_AT} or more')
    model = load_model(options.model)
    overrides = options.overrides if options.config else ON_EXAMPLES
    config = load_config(options.config or CONFIG, list(overrides))
    provide_photographs(config)
    with tempfile.TemporaryDirectory() as folder:
        quantised = quantise(model, config, options.samples, Path(folder))
        table_console().print(table(quantised))
        print(f'In fp32: {", ".join(quantised.kept)}.')
        if quantised.faults:
            print(f'refused: {"; ".join(quantised.faults)}')
            return 1
        written = install(quantised, model)
    print(f"{written}: clean images {quantised.alike_db:.1f} dB or more alike to the fp32 graph's.")
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
