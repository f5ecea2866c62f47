"""What the sensor and the camera's encoder add: shot and read noise, JPEG blocks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sensor:
    """Noise and compression of one frame.

    Attributes:
        read_noise: standard deviation of the noise in the dark, in grey levels.
        shot_noise: standard deviation that light adds at white, in grey levels; its variance grows linearly.
        jpeg_quality: 1..100, or None for no compression.
        seed: the noise pattern.
    """

    read_noise: float
    shot_noise: float
    jpeg_quality: int | None
    seed: int


def expose(image: NDArray[np.uint8], sensor: Sensor) -> NDArray[np.uint8]:
    """The frame as the camera sends it: uint8 [H, W, 3] RGB, 0..255, in and out.

    Raises:
        ValueError: OpenCV could not compress the frame.
    """
    signal = image.astype(np.float32)
    deviation = np.sqrt(np.float32(sensor.read_noise**2) + np.float32(sensor.shot_noise**2 / 255.0) * signal)
    signal += deviation * noise_of(sensor, image.shape)
    noisy = np.clip(np.rint(signal), 0, 255).astype(np.uint8)
    return noisy if sensor.jpeg_quality is None else compress(noisy, sensor.jpeg_quality)


def noise_of(sensor: Sensor, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The sensor's noise pattern before it is scaled: float32 of the shape, standard normal."""
    return np.random.default_rng(sensor.seed).standard_normal(shape, dtype=np.float32)


def compress(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """An image after JPEG of a quality of 1..100: uint8 [H, W, 3] RGB, 0..255, in and out.

    Raises:
        ValueError: OpenCV could not compress it.
    """
    done, data = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f'OpenCV cannot compress an image of shape {image.shape} as JPEG')
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
