"""Photographs, paths and scenes for the tests of degradation."""

import numpy as np
import pytest

data = pytest.importorskip('skimage.data', reason='scikit-image, whose photographs are used, is not there')

from training.degradation.blur.exposure import warp
from training.degradation.blur.trajectory import Trajectory

STILL = Trajectory(np.zeros((3, 2)), np.zeros(3), np.ones(3))


def photograph(name='astronaut', size=160):
    image = getattr(data, name)()
    return np.ascontiguousarray(image[:size, 100 : 100 + size])


def patch(number, size=192):
    """A square of one of three photographs; every number is another one."""
    image = (data.astronaut(), data.coffee(), data.rocket())[number % 3]
    rng = np.random.default_rng(number)
    top, left = (rng.integers(0, side - size + 1) for side in image.shape[:2])
    return image[top : top + size, left : left + size]


def straight(x_px, y_px, count=65):
    """A path of a camera."""
    time = np.linspace(-0.5, 0.5, count)
    return Trajectory(np.outer(time, (x_px, y_px)), np.zeros(count), np.ones(count))


def moved(light, x_px, y_px):
    return warp(light, np.array([[1.0, 0.0, x_px], [0.0, 1.0, y_px]]))
