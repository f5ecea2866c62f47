"""Does a new engine compute what its model does? Compared with ONNX Runtime on the CPU before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.common.metrics import psnr
from restore_node.engine.runner import EngineRunner
from restore_node.engine.spec import EngineSpec, Shape

#: Least PSNR of every image, by the precision that was asked for.
THRESHOLDS_DB = {'fp16': 40.0, 'fp32': 60.0}
#: What equal images count as, for a manifest has no infinity.
EQUAL_DB = 100.0
SEED = 20


@dataclass(frozen=True)
class Verification:
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

    @property
    def passed(self) -> bool:
        """Whether the engine may be used."""
        return self.psnr_db >= self.threshold_db

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)


def check_engine(
    runner: EngineRunner,
    spec: EngineSpec,
    threshold_db: float | None = None,
    progress: Callable[[float], None] = lambda percent: None,
) -> Verification:
    """Restore test images with an engine and with ONNX Runtime on the CPU.

    Each shape at the corners of the engine's range runs twice with different images, so that a captured graph
    that misses its input would show.

    Args:
        runner: the engine.
        spec: what it was built for.
        threshold_db: default by the precision, `THRESHOLDS_DB`.
        progress: called with percentages.

    Raises:
        EngineError: the engine cannot be run.
        BackendError: the reference cannot be run.
        ModelError: engine or graph do not keep the contract.
    """
    rng = np.random.default_rng(SEED)
    shapes = list(dict.fromkeys((spec.min_shape, spec.opt_shape, spec.max_shape)))
    batches = [shape for shape in shapes for _ in range(2)]
    worst, count = EQUAL_DB, 0
    with OnnxRuntimeBackend(spec.model, 'cpu') as reference:
        for index, shape in enumerate(batches):
            images = _images(rng, shape)
            restored = _restored(runner, images)
            for image, result in zip(images, restored, strict=True):
                single = reference.staging(1, *shape[1:])
                single[0] = image
                worst = min(worst, psnr(reference.restore(single)[0], result))
                count += 1
            progress(100 * (index + 1) / len(batches))
        name = f'onnxruntime {reference.device}'
    limit = THRESHOLDS_DB[spec.precision] if threshold_db is None else threshold_db
    return Verification(count, name, round(worst, 2), limit)


def _restored(runner: EngineRunner, images: np.ndarray) -> np.ndarray:
    slot = runner.slot(images.shape[:3])
    slot.input[:] = images
    slot.submit()
    return slot.collect().copy()


def _images(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Make a batch of uint8 `[N, H, W, 3]`: soft shades with hard-edged blocks, some grain and a blur."""
    return np.stack(list(_pictures(rng, shape)))


def _pictures(rng: np.random.Generator, shape: Shape) -> Iterator[np.ndarray]:
    count, height, width = shape
    for _ in range(count):
        coarse = rng.uniform(0, 255, (6, 8, 3)).astype(np.float32)
        picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(24):
            top, left = rng.integers(0, (height, width))
            rows, columns = rng.integers(1, (height // 3 + 2, width // 3 + 2))
            picture[top : top + rows, left : left + columns] = rng.uniform(0, 255, 3)
        picture[:, : width // 2] = cv2.blur(picture[:, : width // 2], (9, 1))
        picture += rng.normal(0, 4, picture.shape)
        yield np.clip(picture, 0, 255).astype(np.uint8)
