"""An int8 graph of an fp32 one: quantised after training, in the form of docs/contracts.md, section 1.

Weights are quantised channel by channel, what goes into a convolution by one scale, around zero, as TensorRT
wants it. The scales are chosen on calibration frames: all but the largest ten-thousandth of the values fit
(the percentile of Wu et al. 2020, Integer quantization for deep learning inference).
"""

import contextlib
import io
import logging
import tempfile
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType, create_calibrator

from restore_node.common.errors import ModelError
from restore_node.common.metrics import psnr
from restore_node.model import INPUT_NAME, OUTPUT_NAME

QUANTISED = 'Conv'
"""The operators that are worth it."""

PERCENTILE, BINS = 99.99, 4096
CHUNK = 16
"""Frames whose activations are in memory at the same time."""

Frame = NDArray[np.uint8]

_ROUNDED: dict[str, Any] = {
    'ActivationSymmetric': True,
    'WeightSymmetric': True,
    'QuantizeBias': False,  # TensorRT reads no int32 biases
    'OpTypesToExcludeOutputQuantization': [QUANTISED],
}


class Quantiser:
    """Knows the ranges of a graph's activations, and writes it with any of its layers in int8.

    It calibrates on frames, uint8 [N, H, W, 3] RGB, 0..255, degraded as the model meets them. Raises
    ModelError where the fp32 graph has nothing to quantise.
    """

    def __init__(self, graph: Path, frames: Frame) -> None:
        self.graph = graph
        self._model = onnx.load(graph)
        self.layers = [node.name for node in self._model.graph.node if node.op_type == QUANTISED]
        """Names of the layers that can be quantised, in the order of the graph."""
        if not self.layers:
            raise ModelError(f'{graph} has no {QUANTISED} to quantise', fix='leave it as it is')
        with tempfile.TemporaryDirectory() as folder, _in_silence():
            calibrator = create_calibrator(
                graph,
                [QUANTISED],
                str(Path(folder) / 'observed.onnx'),
                CalibrationMethod.Percentile,
                extra_options={'percentile': PERCENTILE, 'num_bins': BINS, 'symmetric': True},
            )
            for first in range(0, len(frames), CHUNK):
                inputs = ({INPUT_NAME: frame[None]} for frame in frames[first : first + CHUNK])
                calibrator.collect_data(SimpleNamespace(get_next=partial(next, inputs, None)))
            self._ranges = calibrator.compute_data()

    def write(self, layers: Collection[str], path: Path) -> None:
        """Write the graph with these layers in int8 and the others as they are.

        Raises ModelError where the result is no graph of the contract.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        with _in_silence():
            quantizer = QDQQuantizer(
                model,
                per_channel=True,
                reduce_range=False,  # that is for processors without VNNI, which do not run it
                weight_qType=QuantType.QInt8,
                activation_qType=QuantType.QInt8,
                tensors_range=self._ranges,
                nodes_to_quantize=list(layers),
                nodes_to_exclude=[],
                op_types_to_quantize=[QUANTISED],
                extra_options=_ROUNDED,
            )
            quantizer.quantize_model()
            quantizer.model.topological_sort()
        made = quantizer.model.model
        foreign = {node.domain for node in made.graph.node} - {'', 'ai.onnx'}
        if foreign:
            raise ModelError('the quantised graph is not plain ONNX', seen=', '.join(sorted(foreign)))
        kept = [opset for opset in made.opset_import if opset.domain in ('', 'ai.onnx')]
        del made.opset_import[:]
        made.opset_import.extend(kept)
        onnx.save(made, path)

    def sensitivities(self, frames: Sequence[Frame]) -> dict[str, float]:
        """How much each layer does when it alone is in int8, on frames, uint8 [H, W, 3] RGB, 0..255.

        PSNR in dB of the result to the fp32 graph's, over all frames, by the layer's name; the most sensitive
        first.
        """
        exact = _restored(self.graph, frames)
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            for layer in self.layers:
                path = Path(folder) / 'one.onnx'
                self.write([layer], path)
                found[layer] = psnr(_restored(path, frames), exact)
        return dict(sorted(found.items(), key=lambda item: item[1]))


def _restored(graph: Path, frames: Sequence[Frame]) -> Frame:
    """All results below each other, as one image."""
    session = onnxruntime.InferenceSession(str(graph), providers=['CPUExecutionProvider'])
    restored = [session.run([OUTPUT_NAME], {INPUT_NAME: frame[None]})[0][0] for frame in frames]
    return np.concatenate(restored)


@contextlib.contextmanager
def _in_silence() -> Iterator[None]:
    """The quantiser prints its progress, and warns of a preparation that changes nothing here."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
