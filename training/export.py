"""Make a model file of a checkpoint: `python -m training.export runs/RUN/checkpoint.pt`.

Writes NAME.onnx, NAME.fp16.onnx and their card NAME.json, in place of older ones, after the graphs were
compared with the network and its quality was measured on the photographs that the run held apart.
"""

import argparse
import copy
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from restore_node.backends.base import Backend
from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.errors import InputError, RestoreError
from restore_node.metrics import CONVENTIONS
from restore_node.model import FORMAT, ModelCard, load_model
from training import checkpoint
from training.checkpoint import Checkpoint
from training.commands import report_errors
from training.config import TrainConfig, parse_config
from training.describe import macs_per_pixel, parameters
from training.evaluation.held_apart import Quality, measure, table
from training.feed import open_feed
from training.networks.registry import build
from training.onnx_graph import check_alike, check_equal, write_graph

FREE_TERMS = {'CC0', 'CC BY 4.0', 'public domain', 'MIT', 'Apache-2.0', 'own photographs'}
"""Terms of photographs that put no limit on the use of weights trained on them."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote and found.

    Attributes:
        graph: the fp32 graph; the others lie beside it.
        qualities: by kind of degradation, measured with the fp32 graph on what the run held apart.
        half_db: PSNR in dB of the fp16 graph's output to the fp32 graph's, where they differ the most.
    """

    graph: Path
    qualities: dict[str, Quality]
    half_db: float


def export(source: Path, name: str | None, out: Path, roots: list[str] | None = None) -> Exported:
    """Export the averaged weights of a checkpoint.

    Args:
        source: the checkpoint.
        name: stem of the model's files; that of the run if None.
        out: folder they go to.
        roots: where the photographs lie on this machine; the run's own roots if None.

    Raises:
        RestoreError: unreadable checkpoint or photographs, or a graph that differs from the network.
    """
    saved = checkpoint.load(source)
    values = saved.config | ({'data': saved.config['data'] | {'roots': roots}} if roots else {})
    config = parse_config(values, str(source))
    name = name or config.name
    network = build(config.network, **config.network_options)
    checkpoint.fill(network, saved.average)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=f'.{name}.') as unfinished:
            qualities, half_db = _make(network, saved, config, name, Path(unfinished))
            # The card last: until it arrives, a reader sees a graph that does not match and says so.
            for suffix in ('.onnx', '.fp16.onnx', '.json'):
                os.replace(Path(unfinished, name + suffix), out / (name + suffix))
    except OSError as error:
        raise InputError(
            f'cannot write the model to {out}', seen=error, fix='check permissions and space'
        ) from error
    return Exported(out / f'{name}.onnx', qualities, half_db)


def weights_terms(data: list[dict[str, Any]]) -> str:
    """What one may do with weights trained on this data, in one sentence."""
    limited = dict.fromkeys(origin['name'] for origin in data if origin['terms'] not in FREE_TERMS)
    if not limited:
        return 'As this package, Apache-2.0.'
    return f'Research and non-commercial use only, by the terms of its photographs: {", ".join(limited)}.'


def _make(
    network: nn.Module, saved: Checkpoint, config: TrainConfig, name: str, folder: Path
) -> tuple[dict[str, Quality], float]:
    """Write graph and card to a folder, checked and measured through the node's own loader and backend."""
    graph, half = folder / f'{name}.onnx', folder / f'{name}.fp16.onnx'
    write_graph(network, network.size_multiple, graph)
    write_graph(copy.deepcopy(network).half(), network.size_multiple, half)
    half_db = check_alike(half, graph, network.size_multiple)
    card = _card(network, saved, config, name, {'fp32': graph, 'fp16': half})
    _write_card(card, folder)
    with OnnxRuntimeBackend(load_model(str(graph)), device='cpu') as backend:
        check_equal(network, network.size_multiple, backend)
        qualities = {
            kind: measure(lambda degraded: _restore(backend, degraded), pairs)
            for kind, pairs in open_feed(config).held_apart().items()
        }
    card['quality'] = [
        _quality_entry(f'pairs held apart of {config.data.pairs.layout}', quality)
        if config.data.pairs
        else _quality_entry(f'photographs held apart, degraded: {kind}', quality)
        for kind, quality in qualities.items()
    ]
    _write_card(card, folder)
    return qualities, half_db


def _restore(backend: Backend, degraded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    staging = backend.staging(1, *degraded.shape[:2])
    staging[0] = degraded
    return backend.restore(staging)[0]


def _card(
    network: nn.Module, saved: Checkpoint, config: TrainConfig, name: str, graphs: dict[str, Path]
) -> dict[str, Any]:
    made = saved.provenance
    before = made.get('started_from', [])
    return {
        'format': FORMAT,
        'name': name,
        'task': config.task,
        'size_multiple': network.size_multiple,
        'parameters': parameters(network),
        'macs_per_pixel': macs_per_pixel(network),
        'graphs': {
            precision: {'file': graph.name, 'sha256': hashlib.sha256(graph.read_bytes()).hexdigest()}
            for precision, graph in graphs.items()
        },
        'training': {
            'config': made['config'],
            'commit': made['commit'],
            'seed': made['seed'],
            'steps': saved.step,
            'data': made['data'],
            'started_from': before,
        },
        'terms': weights_terms([*made['data'], *(origin for run in before for origin in run['data'])]),
        'quality': [],
    }


def _quality_entry(data: str, quality: Quality) -> dict[str, Any]:
    return {
        'data': data,
        'images': quality.images,
        'channel': CONVENTIONS['channel'],
        'ssim': CONVENTIONS['ssim'],
        'alignment': CONVENTIONS['alignment'],
        'psnr_degraded_db': round(quality.psnr_degraded_db, 3),
        'psnr_restored_db': round(quality.psnr_restored_db, 3),
        'ssim_degraded': round(quality.ssim_degraded, 4),
        'ssim_restored': round(quality.ssim_restored, 4),
    }


def _write_card(card: dict[str, Any], folder: Path) -> None:
    ModelCard.from_dict(card, card['name'])
    (folder / f'{card["name"]}.json').write_text(json.dumps(card, indent=2) + '\n', encoding='utf-8')


def main(arguments: list[str] | None = None) -> int:
    """Export one checkpoint. Returns the exit code."""
    parser = argparse.ArgumentParser(prog='python -m training.export', description=__doc__.split('\n')[0])
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('--name', help="stem of the model files (default: the run's name)")
    parser.add_argument('--out', type=Path, default=Path('models'), help='folder (default: models)')
    parser.add_argument(
        '--roots', nargs='+', help='folders or tars of photographs, if not where the run found them'
    )
    options = parser.parse_args(arguments)
    try:
        exported = export(options.checkpoint, options.name, options.out, options.roots)
    except RestoreError as error:
        return report_errors(error)
    print(f'{exported.graph}, on what the run held apart:\n{table(exported.qualities)}')
    print(f'The fp16 graph beside it: {exported.half_db:.1f} dB or more to this one.')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
