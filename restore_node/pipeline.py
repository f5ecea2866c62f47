"""Pipeline: one frame in, one restored frame out. No messages, no threads, no ROS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from restore_node import codec
from restore_node.backends.base import Backend
from restore_node.frame import Frame
from restore_node.gate import Gate
from restore_node.timing import StageTimer


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

    def message(self, encoding: str = '') -> bytes:
        """The serialised `sensor_msgs/Image`; `encoding` as for `codec.encode`."""
        return codec.encode(self.rgb, self.frame, encoding)


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
