"""The veil of far rain: drops too far to be seen one by one replace the scene's light by their own grey.

It grows with depth. Of a photograph the depth is not known, so it is the picture's vertical position (a road
seen by a vehicle: far towards the top), or a smooth random field.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Veil:
    """The far rain of one frame.

    Attributes:
        share: share of the light that is replaced where the veil is thickest, 0..1.
        light: its grey, linear, 0..1.
        nearest: thinnest place relative to the thickest, 0..1; 1 is even.
        field: float values in rows, from 0 (near) to 1 (far), stretched over the frame; one column is a depth
            by vertical position.
    """

    share: float
    light: float
    nearest: float = 1.0
    field: tuple[tuple[float, ...], ...] = ((1.0,),)


def draw_veil(
    rng: np.random.Generator, *, share: float, light: float, nearest: float, by_position: bool
) -> Veil:
    """A veil by vertical position, or of a smooth random field of 4x4 values."""
    field = np.array([[1.0], [rng.uniform(0.4, 1.0)], [0.0]]) if by_position else rng.random((4, 4))
    return Veil(share, light, nearest, tuple(tuple(row) for row in field.tolist()))


def share_of(veil: Veil, height: int, width: int) -> NDArray[np.float32]:
    """Share of the light that is replaced at each place: float32 [H, W, 1], 0..1."""
    field = np.array(veil.field, np.float32)
    depth = np.clip(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), 0.0, 1.0)
    thinnest = np.float32(veil.share * veil.nearest)
    return (thinnest + (np.float32(veil.share) - thinnest) * depth)[..., None]


def add_veil(light: NDArray[np.float32], veil: Veil) -> NDArray[np.float32]:
    """The scene behind far rain: float32 [H, W, 3], linear light, in and out."""
    share = share_of(veil, *light.shape[:2])
    return light + share * (np.float32(veil.light) - light)
