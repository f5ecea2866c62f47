"""What a run begins with instead of random weights: another run's checkpoint, or a model that ships."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper

from restore_node.common.errors import InputError
from restore_node.model import load_model
from training.config.run import TrainConfig
from training.networks.widening import widened
from training.runs import checkpoint
from training.runs.generator import generator_of

PREFIX = 'network.'
"""Of the names of weights in a model's graph, see model_file/graph.py; the rest is the state_dict's name."""


@dataclass(frozen=True)
class StartingPoint:
    """Trained weights, and the runs that they went through, oldest first, as a model card lists them."""

    weights: dict[str, torch.Tensor]
    lineage: list[dict[str, Any]]


def starting_point(config: TrainConfig) -> StartingPoint:
    """Read what a configuration's `start_from` names; the weights of a narrower network are widened.

    Raises RestoreError where it cannot be read, or its weights are another network's than the run's, or NaN.
    """
    source = config.start_from or ''
    found = of_checkpoint(Path(source)) if source.endswith('.pt') else _of_model(source)
    checkpoint.refuse_not_finite(found.weights, f'start_from={source}')
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(config.seed)  # new channels are the same on every machine of a run
        network = generator_of(config)
    weights = widened(network, found.weights) or found.weights
    _refuse_another_network(weights, network.state_dict(), config)
    return replace(found, weights=weights)


def of_checkpoint(path: Path) -> StartingPoint:
    """The weights of a checkpoint; raises InputError where it cannot be read."""
    saved = checkpoint.load(path)
    return StartingPoint(saved.average, _lineage(saved.config.get('name'), saved.provenance, saved.step))


def _of_model(source: str) -> StartingPoint:
    model = load_model(source)
    graph = onnx.load(str(model.graph('fp32'))).graph
    weights = {
        tensor.name.removeprefix(PREFIX): torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
        if tensor.name.startswith(PREFIX)
    }
    training = model.card.training
    return StartingPoint(weights, _lineage(model.card.name, training, training.get('steps')))


def _lineage(name: Any, made: Mapping[str, Any], steps: Any) -> list[dict[str, Any]]:
    """The runs that weights come from: what they began with, what taught them, and their own."""
    kept = {key: made.get(key) for key in ('config', 'commit', 'seed', 'data')}
    own = {'name': name, **kept, 'steps': steps}
    return [*made.get('started_from', []), *made.get('taught_by', []), own]


def _refuse_another_network(
    weights: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor], config: TrainConfig
) -> None:
    seen = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in own.items()}
    odd = sorted(name for name in seen.keys() | wanted.keys() if seen.get(name) != wanted.get(name))
    if odd:
        first = odd[0]
        raise InputError(
            f'start_from={config.start_from} has the weights of another network',
            seen=f'{len(odd)} of {len(wanted)} that differ, first {first}: {seen.get(first, "none")}',
            wanted=f'{wanted.get(first, "none")}, as network={config.network} has',
            fix='name the network and the network_options that it was trained with',
        )
