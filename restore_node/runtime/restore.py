"""Restore: one frame in, one restored frame out. No messages, no threads, no ROS.

The gate at its end asks: is this frame worth restoring, or is it clean already? A sharp, dry frame is best
left alone: every restoration rounds a little detail away, and that can cost a detector more than it gains.
The generator itself is the best judge of degradation at hand: what it would hardly change needs no
restoration. So the gate looks at the change, and where it is small everywhere the original goes out, bit for
bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from restore_node.backends.base import Backend
from restore_node.common.timing import StageTimer
from restore_node.messages import codec
from restore_node.messages.frame import Frame

#: Side of the blocks over which the change is averaged, pixels. Sensor noise averages out in a block this
#: large; one drop or streak does not.
BLOCK = 16
#: The share of blocks, percent, that may change more without counting (a glint, a wire taken for a streak).
TOLERATED = 3.0


def change_score(degraded: np.ndarray, restored: np.ndarray) -> float:
    """How much the generator changed where it changed the most.

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


@dataclass(frozen=True)
class Gate:
    """Lets frames through to the detector as they are when the generator would hardly change them.

    Attributes:
        threshold: `change_score` below which a frame counts as clean, grey levels; 0 restores every frame.
    """

    threshold: float = 0.0

    def is_clean(self, degraded: np.ndarray, restored: np.ndarray) -> bool:
        """Whether the original is to be published; images as for `change_score`."""
        return self.threshold > 0 and change_score(degraded, restored) < self.threshold


@dataclass(frozen=True)
class Restored:
    """What the pipeline made of a frame.

    Attributes:
        frame: the frame that went in.
        rgb: uint8 `[H, W, 3]`, RGB, the frame's size; valid until the pipeline's next frame.
        clean: the gate found the frame clean: publish the original.
        stages_ms: milliseconds by stage.
    """

    frame: Frame
    rgb: np.ndarray
    clean: bool
    stages_ms: dict[str, float]

    def message(self, encoding: str = '', into: bytearray | None = None) -> bytearray:
        """The serialised `sensor_msgs/Image`; `encoding` and `into` as for `codec.encode`."""
        return codec.encode(self.rgb, self.frame, encoding, into)


class Pipeline:
    """Convert, pad, restore, crop, decide.

    Args:
        backend: an open backend; the pipeline does not close it.
        gate: decides which frames are clean.
    """

    def __init__(self, backend: Backend, gate: Gate | None = None) -> None:
        self.backend = backend
        self.gate = gate or Gate()

    def process(self, frame: Frame) -> Restored:
        """Restore one frame of any size and supported encoding.

        Raises:
            BackendError: the backend failed; the frame is untouched.
        """
        timer = StageTimer()
        height, width, multiple = frame.height, frame.width, self.backend.size_multiple
        with timer.stage('convert'):
            batch = self.backend.staging(1, _round_up(height, multiple), _round_up(width, multiple))
            codec.to_rgb(frame, batch[0, :height, :width])
            _reflect(batch[0], height, width)
        with timer.stage('restore'):
            rgb = self.backend.restore(batch)[0, :height, :width]
        with timer.stage('gate'):
            clean = self.gate.is_clean(batch[0, :height, :width], rgb)
        return Restored(frame, rgb, clean, timer.stages_ms)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


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
