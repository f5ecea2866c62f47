"""Restore: frames in, restored pixels out. No messages, no threads, no ROS.

At the end the gate asks whether a frame was worth it. A sharp, dry frame is best left alone: every
restoration rounds a little detail away, and that can cost a detector more than it gains. The generator itself
is the best judge of degradation at hand: what it would hardly change needs no restoration. So the gate looks
at the change, and where it is small everywhere the original is to go out, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError, RestoreError
from restore_node.common.timing import StageTimer
from restore_node.messages import codec
from restore_node.messages.frame import Frame

#: Side of the blocks over which the change is averaged, pixels. Sensor noise averages out in a block this
#: large; one drop or streak does not.
BLOCK = 16
#: The share of blocks, percent, that may change more without counting (a glint, a wire taken for a streak).
TOLERATED = 3.0


class Restored(NamedTuple):
    """What became of a frame.

    Attributes:
        rgb: uint8 `[H, W, 3]`, RGB, the frame's size; valid until the backend's next batch.
        score: `change_score` of the frame; None where the gate was not asked.
        threshold: of the gate, grey levels; 0 where it was not asked.
        stages_ms: milliseconds of its batch by stage: `convert`, `restore`, `gate`.
    """

    rgb: np.ndarray
    score: float | None
    threshold: float
    stages_ms: dict[str, float]

    @property
    def is_clean(self) -> bool:
        """The gate found the frame clean, so the original is to be published."""
        return self.score is not None and self.score < self.threshold

    @property
    def figures(self) -> dict[str, float]:
        """Score, threshold and stages by the names that they have in a frame's record."""
        gate = {} if self.score is None else {'gate score': self.score, 'gate threshold': self.threshold}
        return gate | {f'{stage} ms': value for stage, value in self.stages_ms.items()}


def restore_frame(backend: Backend, frame: Frame, gate_threshold: float = 0.0) -> Restored:
    """Restore one frame of any size and supported encoding; as `restore_batch`."""
    return restore_batch(backend, [frame], gate_threshold)[0]


def restore_batch(backend: Backend, frames: Sequence[Frame], gate_threshold: float = 0.0) -> list[Restored]:
    """Restore frames of one size, in any supported encoding, in one go: convert, pad, restore, crop, judge.

    A frame whose `change_score` lies below the threshold, grey levels, counts as clean; 0 finds none clean,
    and a negative one stands for the model's own. Raises BackendError if the backend failed; the frames are
    untouched.
    """
    threshold = backend.model.card.gate_threshold if gate_threshold < 0 else gate_threshold
    timer = StageTimer()
    height, width = frames[0].height, frames[0].width
    inside = (slice(0, height), slice(0, width))
    with timer.stage('convert'):
        shape = (len(frames), *backend.model.card.padded(height, width))
        batch = _call(backend, backend.staging, *shape)
        for frame, image in zip(frames, batch, strict=True):
            codec.to_rgb(frame, image[inside])
            _reflect(image, height, width)
    with timer.stage('restore'):
        restored = _call(backend, backend.restore, batch)
    with timer.stage('gate'):
        pairs = [(before[inside], after[inside]) for before, after in zip(batch, restored, strict=True)]
        scores = [change_score(*pair) if threshold > 0 else None for pair in pairs]
    return [
        Restored(rgb, score, threshold, timer.stages_ms)
        for (_, rgb), score in zip(pairs, scores, strict=True)
    ]


def _call(backend: Backend, function: Callable[..., np.ndarray], *arguments: Any) -> np.ndarray:
    """Call a backend; an exception that a library let through is the backend's failure like any other."""
    try:
        return function(*arguments)
    except RestoreError:
        raise
    except Exception as error:
        raise BackendError(f'{backend.name} failed', seen=f'{type(error).__name__}: {error}') from error


def change_score(degraded: np.ndarray, restored: np.ndarray) -> float:
    """Measure how much the generator changed where it changed the most.

    Args:
        degraded: uint8 `[H, W, 3]`, what went in.
        restored: uint8 `[H, W, 3]`, what came out, same channel order.

    Returns:
        Mean absolute change within a block of `BLOCK` pixels, grey levels 0..255, at the block that all but
        `TOLERATED` percent of the blocks stay under.
    """
    change = cv2.absdiff(degraded, restored).astype(np.float32)  # block means below one grey level count
    height, width = change.shape[:2]
    blocks = cv2.resize(
        change, (max(1, width // BLOCK), max(1, height // BLOCK)), interpolation=cv2.INTER_AREA
    )
    return float(np.percentile(blocks.mean(axis=2), 100.0 - TOLERATED))


def _reflect(image: np.ndarray, height: int, width: int) -> None:
    """Fill what lies below `height` and right of `width` by mirroring, in place; any size, even 1x1."""
    if image.shape[0] > height:
        image[height:, :width] = image[_mirrored(height, image.shape[0]), :width]
    if image.shape[1] > width:
        image[:, width:] = image[:, _mirrored(width, image.shape[1])]


def _mirrored(size: int, padded: int) -> np.ndarray:
    """For each index from `size` to `padded`, the index inside that a mirror at the last pixel shows."""
    period = max(1, 2 * (size - 1))
    index = np.arange(size, padded) % period
    return np.minimum(index, period - index)
