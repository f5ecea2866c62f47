"""What the sensor and the camera's processing add: noise in light, a tone curve, sharpening, resizing, JPEG.

Shot and read noise are there before the camera multiplies the colours for its white balance and bends light
into pixel values, so that they are strongest in the shadows (T. Brooks et al., "Unprocessing Images for
Learned Raw Denoising", CVPR 2019). Without noise the tone curve and the white balance leave a picture as it
was: the sharp photograph stays the truth.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.bounds import (
    NotNegative,
    Positive,
    Range,
    Ranges,
    Share,
    Within,
    happens,
    log_uniform,
    uniform,
)
from training.degradation.linear_light import GAMMA, ToneCurve, to_display


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """The camera behind the lens, for one frame: see `SensorRanges`; `seed` is the noise pattern.

    It does not sharpen by 0, resize by 1, or compress to a quality of None.
    """

    read_noise: float
    shot_noise: float
    seed: int
    gains: tuple[float, float] = (1.0, 1.0)
    gamma: float = GAMMA
    grain_px: float = 0.0
    sharpening: float = 0.0
    sharpening_px: float = 1.0
    shrink: float = 1.0
    jpeg_quality: int | None = None


@dataclass(frozen=True)
class SensorRanges(Ranges):
    """Noise, and the camera's processing.

    Noise is drawn log-uniformly where its lowest is above 0. Sharpening and resizing are drawn for degraded
    frames only: a sharp frame must come out of a restoration as it went in.

    Attributes:
        read_noise: standard deviation of the noise in the dark, in light (1 is white).
        shot_noise: variance that light adds, per unit of light.
        gains: of the white balance, red and blue relative to green, which is 1; they multiply noise, too.
        gamma: of the camera's own tone curve.
        grain_px: blur of the noise pattern (standard deviation), as demosaicing leaves it.
        sharpening_share: share of the degraded frames that the camera sharpens.
        sharpening: amount of the unsharp mask, which leaves halos.
        sharpening_px: its radius (standard deviation).
        shrink_share: share of the degraded frames that were smaller and are enlarged.
        shrink: how many times smaller.
        jpeg_share: share of the frames that are compressed.
        jpeg_quality: 1..100.
    """

    read_noise: NotNegative = (5e-5, 6e-4)
    shot_noise: NotNegative = (3e-6, 2e-4)
    gains: Positive = (1.2, 2.2)
    gamma: Positive = (1.8, 2.6)
    grain_px: NotNegative = (0.0, 0.7)
    sharpening_share: Share = 0.15
    sharpening: NotNegative = (0.2, 0.8)
    sharpening_px: Positive = (0.6, 1.5)
    shrink_share: Share = 0.1
    shrink: Annotated[Range, Within(1.0)] = (1.1, 1.6)
    jpeg_share: Share = 0.25
    jpeg_quality: Annotated[Range, Within(1.0, 100.0)] = (75.0, 98.0)


def draw_sensor(ranges: SensorRanges, rng: np.random.Generator, *, processed: bool = True) -> Sensor:
    """A camera for one frame; one that is not `processed` has noise and JPEG alone."""
    sharpened = processed and happens(rng, ranges.sharpening_share)
    shrunk = processed and happens(rng, ranges.shrink_share)
    compressed = happens(rng, ranges.jpeg_share)
    return Sensor(
        read_noise=_amount(rng, ranges.read_noise),
        shot_noise=_amount(rng, ranges.shot_noise),
        seed=int(rng.integers(2**31)),
        gains=(uniform(rng, ranges.gains), uniform(rng, ranges.gains)),
        gamma=uniform(rng, ranges.gamma),
        grain_px=uniform(rng, ranges.grain_px),
        sharpening=uniform(rng, ranges.sharpening) if sharpened else 0.0,
        sharpening_px=uniform(rng, ranges.sharpening_px),
        shrink=uniform(rng, ranges.shrink) if shrunk else 1.0,
        jpeg_quality=round(uniform(rng, ranges.jpeg_quality)) if compressed else None,
    )


def expose(light: NDArray[np.float32], sensor: Sensor) -> NDArray[np.uint8]:
    """The frame as the camera sends it: uint8 [H, W, 3] RGB, 0..255.

    `light` is float32 [H, W, 3], linear light of the usual curve (`linear_light`), 0 or more, clipped at 1.
    """
    frame = _developed(light, sensor)
    if sensor.sharpening > 0.0:
        soft = cv2.GaussianBlur(frame, (0, 0), sensor.sharpening_px)
        frame = cv2.addWeighted(frame, 1.0 + sensor.sharpening, soft, -sensor.sharpening, 0.0)
    if sensor.shrink > 1.0:
        height, width = frame.shape[:2]
        smaller = max(1, round(width / sensor.shrink)), max(1, round(height / sensor.shrink))
        frame = cv2.resize(frame, smaller, interpolation=cv2.INTER_AREA)
        frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
    return frame if sensor.jpeg_quality is None else compress(frame, sensor.jpeg_quality)


def noise_of(sensor: Sensor, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The sensor's noise pattern before it is scaled: float32 of the shape, of deviation 1."""
    pattern = np.random.default_rng(sensor.seed).standard_normal(shape, dtype=np.float32)
    # A blur much narrower than a pixel is none.
    if sensor.grain_px > 0.25:
        kernel = cv2.getGaussianKernel(5, sensor.grain_px, cv2.CV_32F)
        kernel /= np.linalg.norm(kernel)
        pattern = cv2.sepFilter2D(pattern, -1, kernel, kernel)
    return pattern


def compress(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """An image after JPEG of a quality of 1..100: uint8 [H, W, 3] RGB, 0..255, in and out."""
    done, data = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f'OpenCV cannot compress an image of shape {image.shape} as JPEG')
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _developed(light: NDArray[np.float32], sensor: Sensor) -> NDArray[np.uint8]:
    """Pixel values of light with noise in it: uint8 [H, W, 3]."""
    if sensor.read_noise == 0.0 and sensor.shot_noise == 0.0:
        return to_display(light)
    # The light that the camera's own curve would make these pixel values of.
    own = light if sensor.gamma == GAMMA else np.power(light, np.float32(sensor.gamma / GAMMA))
    gains = np.array([sensor.gains[0], 1.0, sensor.gains[1]], np.float32)
    variance = np.float32(sensor.shot_noise) * gains * own + np.square(np.float32(sensor.read_noise) * gains)
    noisy = own + np.sqrt(variance) * noise_of(sensor, light.shape)
    return to_display(noisy) if sensor.gamma == GAMMA else ToneCurve(sensor.gamma).to_display(noisy)


def _amount(rng: np.random.Generator, bounds: Range) -> float:
    return log_uniform(rng, bounds) if bounds[0] > 0.0 else uniform(rng, bounds)
