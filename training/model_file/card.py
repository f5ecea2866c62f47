"""The card beside a model's graphs (contracts.md, section 1): what they are, made of what, and how good."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from restore_node.common.atomic import writing
from restore_node.common.metrics import CONVENTIONS
from restore_node.model import FORMAT, ModelCard
from training.config.run import TrainConfig
from training.evaluation.quality import Quality
from training.networks.costs import macs_per_pixel, parameters
from training.runs.checkpoint import Checkpoint

UNSTATED = 'not stated'
FREE_TERMS = {'CC0', 'CC BY 4.0', 'public domain', 'MIT', 'Apache-2.0', 'own photographs'}
"""Terms of photographs that put no limit on the use of weights trained on them."""


def weights_terms(data: list[dict[str, Any]]) -> str:
    """What one may do with weights trained on this data, in one sentence."""
    bound = {origin['name']: origin['terms'] for origin in data if origin['terms'] not in FREE_TERMS}
    if not bound:
        return 'As this package, Apache-2.0.'
    parts = [f'{name} ({terms})' for name, terms in bound.items() if terms != UNSTATED]
    parts += [f'not stated for {name}' for name, terms in bound.items() if terms == UNSTATED]
    return f'Only what the terms of its images allow: {", ".join(parts)}.'


def make_card(
    network: nn.Module, saved: Checkpoint, config: TrainConfig, graphs: dict[str, Path]
) -> dict[str, Any]:
    """The card of a checkpoint's generator, its quality not measured yet.

    The configuration is that of its run, under the name that the model gets; the graph of each precision is
    already written. Until its gate is calibrated, every frame is restored.
    """
    made = saved.provenance
    before = {key: made.get(key, []) for key in ('started_from', 'taught_by')}
    data = [origin for runs in before.values() for run in runs for origin in run['data']]
    return {
        'format': FORMAT,
        'name': config.name,
        'task': config.task,
        'size_multiple': network.size_multiple,
        'parameters': parameters(network),
        'macs_per_pixel': macs_per_pixel(network),
        'graphs': {precision: graph_entry(graph) for precision, graph in graphs.items()},
        'training': {
            'config': made['config'],
            'commit': made['commit'],
            'seed': made['seed'],
            'steps': saved.step,
            'data': made['data'],
            **before,
        },
        'terms': weights_terms([*made['data'], *data]),
        'quality': [],
        'gate_threshold': 0.0,
    }


@contextmanager
def replacing_model(folder: Path, name: str) -> Iterator[Path]:
    """Yield a folder to write a model's files to, which in the end take the place of those in `folder`.

    Raises InputError where that cannot be written; where anything is raised, the older model stays.
    """
    with writing(f'the model to {folder}'):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=f'.{name}.') as unfinished:
            yield Path(unfinished)
            # The card last: until it arrives, a reader sees a graph that does not match and says so.
            for file in sorted(Path(unfinished).iterdir(), key=lambda file: file.suffix == '.json'):
                os.replace(file, folder / file.name)


def graph_entry(graph: Path) -> dict[str, str]:
    """What a card says of one of its graphs, already written."""
    return {'file': graph.name, 'sha256': hashlib.sha256(graph.read_bytes()).hexdigest()}


def quality_entry(data: str, quality: Quality) -> dict[str, Any]:
    """One line of a card's quality: what was measured on which data, in which convention."""
    return {
        'data': data,
        'images': quality.images,
        **{key: CONVENTIONS[key] for key in ('channel', 'ssim', 'alignment')},
        'psnr_degraded_db': round(quality.psnr_degraded_db, 3),
        'psnr_restored_db': round(quality.psnr_restored_db, 3),
        'ssim_degraded': round(quality.ssim_degraded, 4),
        'ssim_restored': round(quality.ssim_restored, 4),
    }


def write_card(card: dict[str, Any], folder: Path) -> None:
    """Write a card into a folder, once the node's own reader has accepted it, else raise ModelError."""
    ModelCard.from_dict(card, card['name'])
    (folder / f'{card["name"]}.json').write_text(json.dumps(card, indent=2) + '\n', encoding='utf-8')
