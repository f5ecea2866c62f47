"""The path of a camera, or of a thing, while the shutter is open."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_NODES = 65
# For an anxiety of 1, at each node, against a velocity of 1.
_PUSH, _PULL, _JOLT_CHANCE = 0.3, 0.7, 0.03


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


def draw_shake(
    rng: np.random.Generator,
    *,
    extent_px: float,
    anxiety: float,
    roll_rad: float = 0.0,
    zoom: float = 0.0,
    reach_px: float = 400.0,
) -> Trajectory:
    """A random path of a hand-held or shaken camera during one exposure, at rest (identity) in its middle.

    After G. Boracchi and A. Foi, "Modeling the Performance of Image Restoration from Motion Blur", IEEE
    Transactions on Image Processing 21 (8), 2012, a random walk with inertia: a particle keeps its velocity,
    is pushed at random, pulled back to where it came from, and thrown back by a jolt now and then. Their one
    number for how restless a hand is, the anxiety, scales all of it.

    Args:
        extent_px: length of the path along its bends, in pixels, run through at constant speed.
        anxiety: 0 is a straight path, 1 a scribble.
        roll_rad: difference between the largest and the smallest rotation, in radians.
        zoom, reach_px: see `draw_trajectory`.
    """
    walk = _walk(rng, anxiety) * (extent_px / (_NODES - 1))
    roll = _sway(rng) * roll_rad
    growth = zoom * rng.choice((-1.0, 1.0))

    speed = extent_px + reach_px * (np.abs(np.diff(roll)).max() * (_NODES - 1) + abs(growth))
    time = times_of(speed)
    nodes = np.linspace(-0.5, 0.5, _NODES)
    return Trajectory(
        shift_px=np.stack([np.interp(time, nodes, axis) for axis in walk.T], axis=1),
        roll_rad=np.interp(time, nodes, roll),
        zoom=1.0 + growth * time,
    )


def _walk(rng: np.random.Generator, anxiety: float) -> Floats:
    """Places in steps of length 1, float64 [nodes, 2], the middle one at the origin."""
    heading = rng.uniform(0.0, 2.0 * np.pi)
    velocity = np.array([np.cos(heading), np.sin(heading)])
    place = np.zeros((_NODES, 2))
    for node in range(1, _NODES):
        push = rng.normal(0.0, _PUSH, size=2) - _PULL * place[node - 1] / (_NODES - 1)
        velocity = velocity + anxiety * push
        if rng.random() < anxiety * _JOLT_CHANCE:
            turned = np.pi + rng.uniform(-0.5, 0.5)
            cos, sin = np.cos(turned), np.sin(turned)
            velocity = np.array([[cos, -sin], [sin, cos]]) @ velocity
        velocity /= np.linalg.norm(velocity)
        place[node] = place[node - 1] + velocity
    return place - place[_NODES // 2]


def _sway(rng: np.random.Generator) -> Floats:
    """A smooth random curve, float64 [nodes], 0 in the middle, its values 1 apart at most."""
    curve = np.cumsum(np.cumsum(rng.normal(size=_NODES)))
    return (curve - curve[_NODES // 2]) / np.ptp(curve)


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
