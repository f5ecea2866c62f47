"""The path of a camera, or of a thing, while the shutter is open."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The camera's path over one exposure, relative to its middle, where the sharp truth is taken.

    Attributes:
        shift_px: float64 [M, 2], x and y shift of the picture, in pixels.
        roll_rad: float64 [M], rotation about the image centre, in radians.
        zoom: float64 [M], scale about the image centre, 1 at the middle.
    """

    shift_px: Floats
    roll_rad: Floats
    zoom: Floats

    def __len__(self) -> int:
        return len(self.roll_rad)

    def at(self, times: Floats) -> 'Trajectory':
        """Its poses at times of any shape, [...], from -0.5, where it begins, to 0.5, where it ends."""
        own = np.linspace(-0.5, 0.5, len(self))
        x, y, roll, zoom = (
            np.interp(times, own, values) for values in (*self.shift_px.T, self.roll_rad, self.zoom)
        )
        return Trajectory(np.stack((x, y), axis=-1), roll, zoom)


def times_of(length_px: float) -> Floats:
    """An odd number of times from -0.5 to 0.5, so many that no step of a path so long is above a pixel."""
    return np.linspace(-0.5, 0.5, 2 * int(np.ceil(length_px / 2.0)) + 3)


def draw_trajectory(
    rng: np.random.Generator,
    *,
    extent_px: float,
    curvature: float = 0.0,
    roll_rad: float = 0.0,
    zoom: float = 0.0,
    reach_px: float = 400.0,
) -> Trajectory:
    """A random path of the camera during one exposure, at rest (identity) in its middle.

    Args:
        extent_px: length of the straight path, in pixels.
        curvature: 0 is a straight path at constant speed; 1 bends it strongly and varies the speed.
        roll_rad: rotation over the whole exposure, in radians.
        zoom: relative change of scale over the whole exposure (a vehicle driving forward), such as 0.01.
        reach_px: distance of the farthest pixel from the image centre; with roll and zoom it decides how many
            sub-frames keep every step below one pixel.
    """
    direction = rng.uniform(0.0, 2.0 * np.pi)
    bend, hurry, wobble = curvature * rng.uniform(-1.0, 1.0, size=3)
    turn, growth = roll_rad * rng.choice((-1.0, 1.0)), zoom * rng.choice((-1.0, 1.0))

    # The fastest point of the path moves at most (1 + |hurry| + |bend| + 2 |wobble|) times the mean speed.
    speed = extent_px * (1.0 + abs(hurry) + abs(bend) + 2.0 * abs(wobble)) + reach_px * (
        abs(turn) + abs(growth)
    )
    time = times_of(speed)
    along = time + hurry * time * np.abs(time)
    across = bend * (time**2) + wobble * (4.0 * time**3 - time)
    cos, sin = np.cos(direction), np.sin(direction)
    shift = extent_px * np.stack((along * cos - across * sin, along * sin + across * cos), axis=1)
    return Trajectory(shift_px=shift, roll_rad=turn * time, zoom=1.0 + growth * time)


def resample(trajectory: Trajectory, count: int) -> Trajectory:
    """The same path in another number of sub-frames; odd numbers keep its middle."""
    return trajectory.at(np.linspace(-0.5, 0.5, count))


def homographies(
    trajectory: Trajectory, height: int, width: int, *, centre: tuple[float, float] | None = None
) -> Floats:
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
