"""Motion blur as a camera makes it: sub-frames along a path, integrated in linear light (paper eq. 2-4)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The camera's path over one exposure, relative to its middle, where the sharp truth is taken.

    Attributes:
        shift_px: float64 [M, 2], x and y shift of the picture, in pixels.
        roll_rad: float64 [M], rotation about the image centre, in radians.
        zoom: float64 [M], scale about the image centre, 1 at the middle.
    """

    shift_px: NDArray[np.float64]
    roll_rad: NDArray[np.float64]
    zoom: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.roll_rad)


def draw_trajectory(
    rng: np.random.Generator,
    *,
    extent_px: float,
    curvature: float = 0.0,
    roll_rad: float = 0.0,
    zoom: float = 0.0,
    reach_px: float = 400.0,
) -> Trajectory:
    """A random path of the camera during one exposure.

    Args:
        rng: where direction, bend and the signs of roll and zoom come from.
        extent_px: length of the straight path, in pixels.
        curvature: 0 is a straight path at constant speed; 1 bends it strongly and varies the speed.
        roll_rad: rotation over the whole exposure, in radians.
        zoom: relative change of scale over the whole exposure (a vehicle driving forward), such as 0.01.
        reach_px: distance of the farthest pixel from the image centre; with roll and zoom it decides how many
            sub-frames keep every step below one pixel.

    Returns:
        A path that is at rest (identity) in the middle of the exposure.
    """
    direction = rng.uniform(0.0, 2.0 * np.pi)
    bend, hurry, wobble = curvature * rng.uniform(-1.0, 1.0, size=3)
    turn, growth = roll_rad * rng.choice((-1.0, 1.0)), zoom * rng.choice((-1.0, 1.0))

    # The fastest point of the path moves at most (1 + |hurry| + |bend| + 2 |wobble|) times the mean speed.
    speed = extent_px * (1.0 + abs(hurry) + abs(bend) + 2.0 * abs(wobble)) + reach_px * (
        abs(turn) + abs(growth)
    )
    count = 2 * int(np.ceil(speed / 2.0)) + 3
    time = np.linspace(-0.5, 0.5, count)

    along = time + hurry * time * np.abs(time)
    across = bend * (time**2) + wobble * (4.0 * time**3 - time)
    cos, sin = np.cos(direction), np.sin(direction)
    shift = extent_px * np.stack((along * cos - across * sin, along * sin + across * cos), axis=1)
    return Trajectory(shift_px=shift, roll_rad=turn * time, zoom=1.0 + growth * time)


def resample(trajectory: Trajectory, count: int) -> Trajectory:
    """The same path in another number of sub-frames; odd numbers keep its middle."""
    before, after = np.linspace(-0.5, 0.5, len(trajectory)), np.linspace(-0.5, 0.5, count)
    x, y, roll, zoom = (
        np.interp(after, before, values)
        for values in (*trajectory.shift_px.T, trajectory.roll_rad, trajectory.zoom)
    )
    return Trajectory(shift_px=np.stack((x, y), axis=1), roll_rad=roll, zoom=zoom)


def homographies(
    trajectory: Trajectory, height: int, width: int, *, centre: tuple[float, float] | None = None
) -> NDArray[np.float64]:
    """Sub-frame poses, float64 [M, 3, 3]: each maps a pixel (x, y, 1) of the sharp image to the sub-frame.

    Roll and zoom are about `centre` (x, y), by default that of the image.
    """
    cos = trajectory.zoom * np.cos(trajectory.roll_rad)
    sin = trajectory.zoom * np.sin(trajectory.roll_rad)
    middle = np.array(centre if centre is not None else [(width - 1) / 2.0, (height - 1) / 2.0])
    poses = np.zeros((len(trajectory), 3, 3))
    poses[:, 0, 0], poses[:, 0, 1] = cos, -sin
    poses[:, 1, 0], poses[:, 1, 1] = sin, cos
    poses[:, :2, 2] = middle - poses[:, :2, :2] @ middle + trajectory.shift_px
    poses[:, 2, 2] = 1.0
    return poses


def integrate(sub_frames: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One exposure: the mean of sub-frames in linear light (paper eq. 2).

    Args:
        sub_frames: at least one float32 [H, W, 3] of linear light, 0..1, all of one shape; not changed.

    Returns:
        float32 [H, W, 3], linear light.

    Raises:
        ValueError: there are no sub-frames.
    """
    total: NDArray[np.float32] | None = None
    count = 0
    for sub_frame in sub_frames:
        total = sub_frame.astype(np.float32) if total is None else cv2.add(total, sub_frame, dst=total)
        count += 1
    if total is None:
        raise ValueError('an exposure needs at least one sub-frame')
    total /= count
    return total


def blur(light: NDArray[np.float32], trajectory: Trajectory) -> NDArray[np.float32]:
    """The exposure of a still scene while the camera moves along a path.

    Args:
        light: float32 [H, W, 3], linear light, 0..1. What moves in over the border is its reflection.
        trajectory: the path.

    Returns:
        float32 [H, W, 3], linear light.
    """
    return integrate(_sub_frames(light, trajectory))


def warp(
    light: NDArray[np.float32], pose: NDArray[np.float64], *, border: int = cv2.BORDER_REFLECT_101
) -> NDArray[np.float32]:
    """An image moved by a pose: float32 [H, W, C] of up to 4 channels, bilinear, the same shape out.

    Args:
        light: the image.
        pose: float64 [2 or 3, 3], maps a pixel (x, y, 1) of the image to where it is seen.
        border: OpenCV's border mode, what moves in from outside.
    """
    height, width = light.shape[:2]
    return cv2.warpAffine(light, pose[:2], (width, height), flags=cv2.INTER_LINEAR, borderMode=border)


def _sub_frames(light: NDArray[np.float32], trajectory: Trajectory) -> Iterator[NDArray[np.float32]]:
    for pose in homographies(trajectory, *light.shape[:2]):
        yield warp(light, pose)
