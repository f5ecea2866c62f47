"""Does a new engine compute what its model does? Compared with ONNX Runtime on the CPU before it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.common.metrics import psnr
from restore_node.common.reference_images import make_reference_images
from restore_node.engine.run import EngineRunner
from restore_node.engine.spec import EngineSpec

#: What equal images count as, for a manifest has no infinity.
EQUAL_DB = 100.0
SEED = 20


class Verification(NamedTuple):
    """What the comparison gave; the manifest's `verified`.

    Attributes:
        images: how many were compared.
        reference: what they were compared with.
        psnr_db: of the worst image, range 0..255, RGB.
        threshold_db: what it has to be at least.
    """

    images: int
    reference: str
    psnr_db: float
    threshold_db: float


def check_engine(
    runner: EngineRunner,
    spec: EngineSpec,
    progress: Callable[[float], None],
) -> Verification:
    """Restore test images with an engine and with ONNX Runtime on the CPU; `progress` takes percentages.

    ONNX Runtime computes the fp32 graph, also for fp16. For int8 it computes the int8 graph, whose own loss
    was measured when it was made: in float between its pairs of QuantizeLinear and DequantizeLinear, because
    the integer kernels of some processors saturate.

    Each shape at the corners of the engine's range runs twice with different images, so that a captured graph
    that misses its input would show.

    Raises:
        EngineError: the engine cannot be run.
        BackendError: the reference cannot be run.
        ModelError: engine or graph do not keep the contract.
    """
    rng = np.random.default_rng(SEED)
    shapes = list(dict.fromkeys((spec.min_shape, spec.opt_shape, spec.max_shape)))
    batches = [shape for shape in shapes for _ in range(2)]
    worst, count = EQUAL_DB, 0
    graph = 'int8' if spec.precision == 'int8' else 'fp32'
    with OnnxRuntimeBackend(spec.model, 'cpu', precision=graph, in_float=True) as reference:
        for index, shape in enumerate(batches):
            images = make_reference_images(rng, *shape)
            context = runner.context(shape)
            context.input[:] = images
            for image, result in zip(images, context.run(), strict=True):
                single = reference.staging(1, *shape[1:])
                single[0] = image
                worst = min(worst, psnr(reference.restore(single)[0], result))
                count += 1
            progress(100 * (index + 1) / len(batches))
        name = f'onnxruntime {reference.device} {graph}'
    return Verification(count, name, round(worst, 2), spec.least_psnr_db)
