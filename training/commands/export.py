"""Make a model file of a checkpoint: `python -m training.commands.export runs/RUN/checkpoint.pt`.

Writes NAME.onnx, NAME.fp16.onnx and their card NAME.json, in place of older ones, after the graphs were
compared with the network and its quality was measured on the photographs that the run held out.
"""

import copy
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.common.errors import ConfigError
from restore_node.model import load_model
from training.commands.cli import command_parser, one_line_errors
from training.config.run import TrainConfig, parse_config
from training.data.cutting import middle
from training.data.feed import open_feed
from training.data.spread import few
from training.evaluation.quality import Quality, harm, measure, table
from training.evaluation.systems import open_system
from training.model_file.card import make_card, quality_entry, replacing_model, write_card
from training.model_file.graph import check_alike, check_equal, write_graph
from training.model_file.half import check_half
from training.runs import checkpoint
from training.runs.checkpoint import Checkpoint
from training.runs.generator import generator_of

HALF_PX, HALF_PICTURES = 192, 8
"""Side and number of the pictures that the network computes in fp16: rounding every result takes its time."""


@dataclass(frozen=True)
class Exported:
    """The fp32 graph that an export wrote, beside which the others lie, and what it found.

    Qualities are by kind of degradation, measured with that graph on what the run held out; harms, what the
    model spoils, by set. `half_db` is the PSNR in dB of the fp16 graph's output to the fp32 graph's, on
    noise, a smooth picture or what the run held out, where they differ the most.
    """

    graph: Path
    qualities: dict[str, Quality]
    half_db: float
    harms: dict[str, str]


def export(source: Path, name: str | None, out: Path, roots: Sequence[str] = ()) -> Exported:
    """Export the averaged weights of a checkpoint.

    The files' stem is the name, of a run's name's letters, or that of the run; they go to the folder `out`.
    For the roots see `moved`. Raises RestoreError for an unreadable checkpoint or photographs, an impossible
    name, or a graph that differs from the network.
    """
    saved = checkpoint.load(source)
    values = saved.config | ({'name': name} if name else {})
    config = parse_config(moved(values, roots), str(source))
    network = generator_of(config)
    checkpoint.fill(network, saved.average)
    with replacing_model(out, config.name) as unfinished:
        found = _make(network, saved, config, unfinished)
    return replace(found, graph=out / found.graph.name)


def moved(values: dict[str, Any], roots: Sequence[str]) -> dict[str, Any]:
    """A run's resolved configuration with images at other places, where roots say so.

    Each is `NAME=FOLDER` for a source, or for a validation set that has images of its own; of photographs and
    sequences as often as there are roots. Of a run of one source the folders alone will do. Raises
    ConfigError where nothing has that name, or a paired set gets two folders.
    """
    values = copy.deepcopy(values)
    sources = values['data']['sources']
    own = [entry for entry in values['validation']['sets'] if not entry['held_out_of']]
    known = {entry['name']: entry for entry in (*own, *sources)}
    places: dict[str, list[str]] = {}
    for root in roots:
        name, _, folder = root.partition('=')
        if name not in known:
            if len(sources) > 1:
                wanted = f'NAME=FOLDER with one of {", ".join(known)}'
                raise ConfigError('--roots', seen=root, wanted=wanted)
            name, folder = sources[0]['name'], root
        places.setdefault(name, []).append(folder)
    for name, folders in places.items():
        kind = next(kind for kind in ('photographs', 'sequences', 'pairs') if known[name].get(kind))
        if kind == 'pairs' and len(folders) > 1:
            wanted = f'one folder, that of the paired set {name}'
            raise ConfigError('--roots', seen=', '.join(folders), wanted=wanted)
        known[name][kind] |= {'root': folders[0]} if kind == 'pairs' else {'roots': folders}
    return values


def _make(network: nn.Module, saved: Checkpoint, config: TrainConfig, folder: Path) -> Exported:
    """Write graph and card to a folder, checked and measured through the node's own loader and backend."""
    held_out = open_feed(config).held_out()
    multiple = network.size_multiple
    graph, half = folder / f'{config.name}.onnx', folder / f'{config.name}.fp16.onnx'
    pictures = [middle(degraded, multiple=multiple) for held in held_out for degraded, _ in held.pairs]
    half_db = check_half(
        network, [middle(some, HALF_PX, HALF_PX, multiple) for some in few(pictures, HALF_PICTURES)]
    )
    write_graph(network, multiple, graph)
    write_graph(copy.deepcopy(network).half(), multiple, half)
    half_db = min(half_db, check_alike(half, graph, multiple, pictures))
    card = make_card(network, saved, config, {'fp32': graph, 'fp16': half})
    write_card(card, folder)
    with OnnxRuntimeBackend(load_model(str(graph)), device='cpu') as backend:
        check_equal(network, multiple, backend)
    with open_system(str(graph), device='cpu') as system:
        qualities = {held.name: measure(system, held.pairs) for held in held_out}
    harms = {held.name: harm(qualities[held.name], clean=held.clean) for held in held_out}
    card['quality'] = [
        quality_entry(f'held out by the run: {name}', quality) for name, quality in qualities.items()
    ]
    write_card(card, folder)
    return Exported(graph, qualities, half_db, {name: found for name, found in harms.items() if found})


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Export one checkpoint."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    add('checkpoint', type=Path)
    add('--name', help="stem of the model files (default: the run's name)")
    add('--out', type=Path, default=Path('models'), help='folder (default: models)')
    add(
        '--roots',
        nargs='+',
        default=(),
        metavar='[NAME=]FOLDER',
        help='where images lie now, if not where the run found them; NAME: of a source or validation set',
    )
    options = parser.parse_args(arguments)
    exported = export(options.checkpoint, options.name, options.out, options.roots)
    print(f'{exported.graph}, on what the run held out:\n{table(exported.qualities)}')
    print(f'The fp16 graph beside it: {exported.half_db:.1f} dB or more to this one, there and on noise.')
    for name, found in exported.harms.items():
        print(f'warning: on {name} the model {found}', file=sys.stderr)


if __name__ == '__main__':
    raise SystemExit(main())
