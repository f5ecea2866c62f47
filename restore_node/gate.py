"""Gate: is this frame worth restoring, or is it clean already?

A sharp, dry frame is best left alone: every restoration rounds a little detail away, and that can cost a
detector more than it gains. The generator itself is the best judge of degradation at hand: what it would
hardly change needs no restoration. So the gate looks at the change, and where it is small everywhere the
original goes out, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

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
