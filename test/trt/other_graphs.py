"""Model files with further graphs: fp16, as the trainer exports it, and int8, as its quantiser makes it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def add_half_graph(path: Path) -> Path:
    """Give a test model an fp16 graph beside its fp32 one; return the fp32 graph's path, as it was given."""
    model = onnx.load(path)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == 'to' and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
    for weight in model.graph.initializer:
        weight.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), weight.name)
        )
    return _add(path, 'fp16', model)


def add_int8_graph(path: Path) -> Path:
    """Give a test model an int8 graph, its input quantised in steps of two; return the fp32 graph's path."""
    model = onnx.load(path)
    nodes = list(model.graph.node)
    (enter,) = (node for node in nodes if 'degraded' in node.input)
    for node in nodes:
        node.input[:] = ['coarse' if name == enter.output[0] else name for name in node.input]
    scale = ['step', 'centre']
    quantise = helper.make_node('QuantizeLinear', [enter.output[0], *scale], ['quantised'])
    restore = helper.make_node('DequantizeLinear', ['quantised', *scale], ['coarse'])
    model.graph.ClearField('node')
    model.graph.node.extend([enter, quantise, restore, *(node for node in nodes if node is not enter)])
    model.graph.initializer.append(numpy_helper.from_array(np.float32(2), 'step'))
    model.graph.initializer.append(numpy_helper.from_array(np.int8(0), 'centre'))
    return _add(path, 'int8', model)


def _add(path: Path, precision: str, model: onnx.ModelProto) -> Path:
    data = model.SerializeToString()
    graph = path.with_suffix(f'.{precision}.onnx')
    graph.write_bytes(data)
    card = json.loads(path.with_suffix('.json').read_text())
    card['graphs'][precision] = {'file': graph.name, 'sha256': hashlib.sha256(data).hexdigest()}
    path.with_suffix('.json').write_text(json.dumps(card))
    return path
