"""Photographs, videos, paths and scenes for the tests of data and degradation."""

import cv2
import numpy as np
from skimage import data

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


def textured():
    """A scene with detail everywhere, uint8 [160, 260, 3]."""
    noise = np.random.default_rng(0).integers(0, 256, (160, 260, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.0), None, 0, 255, cv2.NORM_MINMAX)


def write_video(path, pictures, codec='MJPG', rate_hz=10.0):
    """A video of pictures of one size, uint8 [H, W, 3] BGR; returns its path."""
    pictures = list(pictures)
    size = pictures[0].shape[1::-1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate_hz, size)
    for picture in pictures:
        writer.write(np.ascontiguousarray(picture))
    writer.release()
    return path


def write_pairs(root, pairs, degraded='degraded', sharp='sharp'):
    """Pairs by their names, uint8 [H, W, 3] BGR each, as PNG files of two folders; returns the root."""
    for name, images in pairs.items():
        for folder, image in zip((degraded, sharp), images, strict=True):
            path = root / folder / f'{name}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), image)
    return root


def straight(x_px, y_px, count=65):
    """A path of a camera."""
    time = np.linspace(-0.5, 0.5, count)
    return Trajectory(np.outer(time, (x_px, y_px)), np.zeros(count), np.ones(count))


def moved(light, x_px, y_px):
    return warp(light, np.array([[1.0, 0.0, x_px], [0.0, 1.0, y_px]]))
