"""Makes real model files, graph and card, small enough for a test."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest


def write_model(
    folder: Path,
    name: str = 'plus-ten',
    gain: float = 1.0,
    offset: float = 10.0,
    size_multiple: int = 8,
    work: int = 0,
    only: tuple[int, int] | None = None,
    **card: object,
) -> Path:
    """Write a real model file, graph and card, that computes `clip(gain * x + offset)`.

    Args:
        folder: where to.
        name: the model's name.
        gain: factor.
        offset: grey levels added.
        size_multiple: as in the card.
        work: 3x3 convolutions of 32 channels that are computed and multiplied by zero, to make it slow.
        only: (height, width) that it can run; any other size makes it fail when it runs.
        card: keys of the card that are to have another value.

    Returns:
        Path of the .onnx file.
    """
    onnx = pytest.importorskip('onnx', reason='onnx is not installed: no test model can be made')
    helper, tensor = onnx.helper, onnx.TensorProto

    def constant(label: str, values: np.ndarray) -> onnx.TensorProto:
        return onnx.numpy_helper.from_array(values.astype(np.float32), label)

    nodes = [helper.make_node('Cast', ['degraded'], ['x'], to=tensor.FLOAT)]
    weights = [
        constant(label, np.array(value))
        for label, value in (
            ('gain', gain),
            ('offset', offset + 0.5),
            ('low', 0.0),
            ('high', 255.0),
            ('zero', 0.0),
        )
    ]
    scaled = 'x'
    if work:
        nodes.append(helper.make_node('Transpose', ['x'], ['c0'], perm=[0, 3, 1, 2]))
        for index in range(work + 1):
            channels = (3, 32) if index == 0 else (32, 3) if index == work else (32, 32)
            weights.append(constant(f'w{index}', np.full((channels[1], channels[0], 3, 3), 1e-3)))
            nodes.append(
                helper.make_node('Conv', [f'c{index}', f'w{index}'], [f'c{index + 1}'], pads=[1, 1, 1, 1])
            )
        nodes += [
            helper.make_node('Transpose', [f'c{work + 1}'], ['heavy'], perm=[0, 2, 3, 1]),
            helper.make_node('Mul', ['heavy', 'zero'], ['nothing']),
            helper.make_node('Add', ['x', 'nothing'], ['x2']),
        ]
        scaled = 'x2'
    if only:
        weights.append(constant('mould', np.zeros((1, *only, 3))))
    nodes += [
        helper.make_node('Mul', [scaled, 'gain'], ['multiplied']),
        helper.make_node('Add', ['multiplied', 'mould'] if only else ['multiplied', 'zero'], ['moulded']),
        helper.make_node('Add', ['moulded', 'offset'], ['added']),
        helper.make_node('Clip', ['added', 'low', 'high'], ['clipped']),
        helper.make_node('Cast', ['clipped'], ['restored'], to=tensor.UINT8),
    ]
    shape = ['N', 'H', 'W', 3]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info('degraded', tensor.UINT8, shape)],
        [helper.make_tensor_value_info('restored', tensor.UINT8, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    data = model.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'{name}.onnx').write_bytes(data)
    write_card(folder, name, data, size_multiple, **card)
    return folder / f'{name}.onnx'


def write_card(folder: Path, name: str, graph: bytes, size_multiple: int = 8, **changes: object) -> None:
    """Write the card of a graph; `changes` replace or add keys."""
    card = {
        'format': 1,
        'name': name,
        'task': 'restore',
        'size_multiple': size_multiple,
        'parameters': 2,
        'macs_per_pixel': 3,
        'graphs': {'fp32': {'file': f'{name}.onnx', 'sha256': hashlib.sha256(graph).hexdigest()}},
        'training': {'config': 'none', 'commit': 'none', 'seed': 0, 'steps': 0, 'data': []},
        'terms': 'made by a test',
        'quality': [],
        'gate_threshold': 3.4,
    } | changes
    (folder / f'{name}.json').write_text(json.dumps(card))


def write_int8_graph(fp32: Path, offset: float = 10.0) -> Path:
    """Put a graph that counts as the int8 one beside a model's fp32 graph, and into its card.

    Args:
        fp32: as `write_model` returns it.
        offset: grey levels that it adds.
    """
    card = json.loads(fp32.with_suffix('.json').read_text())
    other = write_model(fp32.parent / 'other', offset=offset)
    path = fp32.with_suffix('.int8.onnx')
    path.write_bytes(other.read_bytes())
    card['graphs']['int8'] = {'file': path.name, 'sha256': hashlib.sha256(path.read_bytes()).hexdigest()}
    fp32.with_suffix('.json').write_text(json.dumps(card))
    return path
