"""A model file with a second, fp16 graph, as the trainer exports it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper


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
    data = model.SerializeToString()
    half = path.with_suffix('.fp16.onnx')
    half.write_bytes(data)
    card = json.loads(path.with_suffix('.json').read_text())
    card['graphs']['fp16'] = {'file': half.name, 'sha256': hashlib.sha256(data).hexdigest()}
    path.with_suffix('.json').write_text(json.dumps(card))
    return path
