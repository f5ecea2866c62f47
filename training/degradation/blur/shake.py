"""The path of a hand-held or shaken camera: a random walk with inertia.

After G. Boracchi and A. Foi, "Modeling the Performance of Image Restoration from Motion Blur", IEEE
Transactions on Image Processing 21 (8), 2012: a particle keeps its velocity, is pushed at random, pulled back
to where it came from, and thrown back by a jolt now and then. Their one number for how restless a hand is,
the anxiety, scales all of it.
"""

import numpy as np
from numpy.typing import NDArray

from training.degradation.blur.trajectory import Trajectory, times_of

_NODES = 65
# For an anxiety of 1, at each node, against a velocity of 1.
_PUSH, _PULL, _JOLT_CHANCE = 0.3, 0.7, 0.03


def draw_shake(
    rng: np.random.Generator,
    *,
    extent_px: float,
    anxiety: float,
    roll_rad: float = 0.0,
    zoom: float = 0.0,
    reach_px: float = 400.0,
) -> Trajectory:
    """A random path of a shaken camera during one exposure, at rest (identity) in its middle.

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


def _walk(rng: np.random.Generator, anxiety: float) -> NDArray[np.float64]:
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


def _sway(rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random curve, float64 [nodes], 0 in the middle, its values 1 apart at most."""
    curve = np.cumsum(np.cumsum(rng.normal(size=_NODES)))
    return (curve - curve[_NODES // 2]) / np.ptp(curve)
