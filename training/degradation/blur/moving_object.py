"""Things nearer than the scene, which move on paths of their own while the shutter is open.

A thing is a piece of the same photograph within a random smooth outline. The scene behind it is known, so
what it uncovers as it moves is right, and so is the light at its edge: for every sub-frame both layers are
composed in linear light, then integrated (paper eq. 2). The truth has the thing where it is in mid-exposure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.blur.exposure import warp
from training.degradation.blur.trajectory import Trajectory, draw_trajectory, homographies, resample
from training.degradation.smoothstep import smoothstep

HARMONICS = (2, 3, 4, 5)
_PLACES = 4


@dataclass(frozen=True, eq=False)
class MovingObject:
    """One thing.

    Attributes:
        x, y: centre in the middle of the exposure, in pixels.
        radius_px: mean radius of its outline.
        stretch: height over width of the outline, 1 is round.
        ripples: relative amplitudes of the outline's harmonics of `HARMONICS`.
        phases: their phases, in radians.
        softness_px: width of the edge where the scene shines through.
        texture_px: x and y offset of the place in the photograph that it is cut from, whole pixels.
        trajectory: its path, about its own centre.
    """

    x: float
    y: float
    radius_px: float
    stretch: float
    ripples: tuple[float, ...]
    phases: tuple[float, ...]
    softness_px: float
    texture_px: tuple[int, int]
    trajectory: Trajectory


def draw_object(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    radius_px: float,
    extent_px: float,
    softness_px: float,
) -> MovingObject:
    """A thing anywhere on an image of so many pixels, cut from another place of it.

    Its mean radius, the length of its path and the width of its edge are given, in pixels.
    """
    x, y = rng.uniform(0.0, width), rng.uniform(0.0, height)
    # Cut from inside the image, where there is room, and of several places from the farthest.
    room = [min(radius_px, side / 2.0) for side in (width, height)]
    places = rng.uniform(room, (width - room[0], height - room[1]), size=(_PLACES, 2))
    from_x, from_y = max(places.tolist(), key=lambda place: np.hypot(place[0] - x, place[1] - y))
    return MovingObject(
        x=x,
        y=y,
        radius_px=radius_px,
        stretch=rng.uniform(0.6, 1.6),
        ripples=tuple(rng.uniform(0.0, 0.4 / harmonic) for harmonic in HARMONICS),
        phases=tuple(rng.uniform(0.0, 2.0 * np.pi, size=len(HARMONICS)).tolist()),
        softness_px=softness_px,
        texture_px=(round(from_x - x), round(from_y - y)),
        trajectory=draw_trajectory(
            rng, extent_px=extent_px, curvature=0.3, roll_rad=0.02, zoom=0.02, reach_px=2.0 * radius_px
        ),
    )


def cover(thing: MovingObject, height: int, width: int) -> NDArray[np.float32]:
    """Share of the light that comes from the thing in the middle of the exposure: float32 [H, W], 0..1."""
    across = ((np.arange(width) - thing.x) / thing.radius_px).astype(np.float32)
    down = ((np.arange(height) - thing.y) / (thing.radius_px * thing.stretch)).astype(np.float32)
    away, theta = cv2.cartToPolar(np.tile(across, (height, 1)), np.tile(down[:, None], (1, width)))
    inside = 1.0 - away
    for harmonic, ripple, phase in zip(HARMONICS, thing.ripples, thing.phases, strict=True):
        inside += np.float32(ripple) * np.cos(harmonic * theta + np.float32(phase))
    return smoothstep(0.5 + inside * np.float32(thing.radius_px / thing.softness_px))


def cut_out(light: NDArray[np.float32], thing: MovingObject) -> NDArray[np.float32]:
    """The thing as a layer of its own, as it is in the middle of the exposure.

    float32 [H, W, 4]: the photograph's linear light weighted by the thing's cover, and the cover.
    """
    height, width = light.shape[:2]
    there = np.array([[1.0, 0.0, -thing.texture_px[0]], [0.0, 1.0, -thing.texture_px[1]]])
    share = cover(thing, height, width)
    return cv2.merge([*cv2.split(warp(light, there) * share[..., None]), share])


def with_objects(light: NDArray[np.float32], things: Sequence[MovingObject]) -> NDArray[np.float32]:
    """The sharp scene with the things before it, in mid-exposure: float32 [H, W, 3], linear light."""
    composed = light
    for thing in things:
        layer = cut_out(light, thing)
        composed = composed * (1.0 - layer[..., 3:]) + layer[..., :3]
    return composed


class MovingLayer:
    """A thing's layer, cut to the part of the image that it crosses; the rest would be warped in vain."""

    def __init__(
        self, light: NDArray[np.float32], thing: MovingObject, count: int, margin_px: int = 0
    ) -> None:
        height, width = light.shape[:2]
        layer = cut_out(light, thing)
        poses = homographies(resample(thing.trajectory, count), height, width, centre=(thing.x, thing.y))
        left, top, right, bottom = _crossed(layer[..., 3], poses)
        self._layer = np.ascontiguousarray(layer[top:bottom, left:right])
        # Where it is seen: of what it crosses, the part within the margin.
        columns, rows = (
            (max(first, margin_px), max(first, margin_px, min(last, whole - margin_px)))
            for first, last, whole in ((left, right, width), (top, bottom, height))
        )
        self._size = columns[1] - columns[0], rows[1] - rows[0]
        self._box = np.s_[
            rows[0] - margin_px : rows[1] - margin_px, columns[0] - margin_px : columns[1] - margin_px
        ]
        to_image, to_box = np.eye(3), np.eye(3)
        to_image[:2, 2], to_box[:2, 2] = (left, top), (-columns[0], -rows[0])
        self._poses = to_box @ poses @ to_image

    def put_on(self, picture: NDArray[np.float32], index: int) -> None:
        """Draw the thing over a sub-frame, in place."""
        if self._layer.size and min(self._size) > 0:
            moved = cv2.warpAffine(self._layer, self._poses[index][:2], self._size, flags=cv2.INTER_LINEAR)
            *light, share = cv2.split(moved)
            behind = picture[self._box]
            cv2.multiply(behind, cv2.merge([1.0 - share] * 3), dst=behind)
            cv2.add(behind, cv2.merge(light), dst=behind)


def _crossed(share: NDArray[np.float32], poses: NDArray[np.floating]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the image that a moving layer touches."""
    height, width = share.shape
    x, y, wide, tall = cv2.boundingRect((share > 0.0).astype(np.uint8))
    if not wide:
        return 0, 0, 0, 0
    corners = np.array([[x, x + wide - 1] * 2, [y] * 2 + [y + tall - 1] * 2, [1] * 4], np.float64)
    places = (poses @ corners)[:, :2]
    low, high = (
        np.floor(places.min(axis=(0, 2))).astype(int) - 1,
        np.ceil(places.max(axis=(0, 2))).astype(int) + 2,
    )
    return max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
